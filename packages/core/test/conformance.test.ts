import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type CaseRunner,
  type ConformanceHarness,
  conformance,
  conformanceCases,
} from '@busbar/core/conformance'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import { CaseQueue } from '../dist/conformance/case-queue.js'
import { ToyBroker } from './toy-transport/toy-broker.js'
import { ToyTransport } from './toy-transport/toy-transport.js'

const test = suite('conformance: the binding')

function harness(more: Partial<ConformanceHarness> = {}): ConformanceHarness {
  const broker = new ToyBroker()
  const unable = { crash: 'no crash', disconnect: 'no connection', topicConfig: 'no settings' }
  return { name: 'toy', createTransport: () => new ToyTransport(broker), ...unable, ...more }
}

class Registered implements CaseRunner {
  readonly tests = new Map<string, () => Promise<void>>()
  readonly skips = new Map<string, string>()
  test(name: string, run: () => Promise<void>): void {
    this.tests.set(name, run)
  }
  skip(name: string, reason: string): void {
    this.skips.set(name, reason)
  }
}

test('every case has a name of its own, and is registered as a test or as a skip with its reason', () => {
  const names = conformanceCases.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  const registered = new Registered()
  conformance(harness(), registered)
  const all = [...registered.tests.keys(), ...registered.skips.keys()].sort()
  assert.deepEqual(all, names.map(name => `toy: ${name}`).sort())
  const reasonOf = (name: string) => registered.skips.get(`toy: ${name}`)
  assert.equal(reasonOf('a crash: what was not finished comes to the next member'), 'no crash')
  assert.equal(reasonOf('reconnect: nothing is lost when every connection is cut'), 'no connection')
  assert.equal(reasonOf('topic settings are applied and verified'), 'no settings')
  assert.match(reasonOf('request and reply') ?? '', /"read" is false/)
})

test('a harness skips cases by name, with its own reason', () => {
  const registered = new Registered()
  conformance(harness({ skip: { 'in order': 'an entropy source' } }), registered)
  assert.equal(registered.skips.get('toy: in order'), 'an entropy source')
  assert.equal(registered.tests.has('toy: in order'), false)
})

test('a skip that names no case is an error', () => {
  const stale = harness({ skip: { 'a case of old': 'long gone' } })
  assert.throws(() => conformance(stale, new Registered()), /"a case of old"/)
})

test('a broken transport fails, and what the case opened is closed', async () => {
  let disposed = 0
  class Forgetful extends ToyTransport {
    override async send(): Promise<readonly []> {
      return []
    }
    override async [Symbol.asyncDispose](): Promise<void> {
      await super[Symbol.asyncDispose]()
      disposed += 1
    }
  }
  const broker = new ToyBroker()
  const registered = new Registered()
  conformance(harness({ createTransport: () => new Forgetful(broker), timeoutMs: 100 }), registered)
  const run = registered.tests.get('toy: the first settlement wins')
  await assert.rejects(
    deadline(2_000, 'the case', run?.() ?? Promise.resolve()),
    /everything arrived: not so after 100 ms/,
  )
  assert.equal(disposed, 1)
})

test('cases run some at a time, in their order, and a result waits for its test', async () => {
  const [first, second, third] = conformanceCases
  assert(first && second && third)
  const started: string[] = []
  const ends = new Map<string, (failed?: Error) => void>()
  const queue = new CaseQueue([first, second, third], 2, each => {
    started.push(each.name)
    return new Promise((resolve, reject) => {
      ends.set(each.name, failed => (failed ? reject(failed) : resolve()))
    })
  })
  const result = queue.resultOf(first)
  assert.deepEqual(started, [first.name, second.name])
  ends.get(second.name)?.(new Error('broken'))
  await new Promise(setImmediate)
  assert.deepEqual(started, [first.name, second.name, third.name])
  ends.get(first.name)?.()
  ends.get(third.name)?.()
  await deadline(1_000, 'the first result', result)
  await assert.rejects(queue.resultOf(second), /broken/)
  await deadline(1_000, 'the third result', queue.resultOf(third))
})

test('the cases run under node:test as well', async () => {
  const program = fileURLToPath(import.meta.resolve('./toy-transport/bind-to-node-test.js'))
  const run = promisify(execFile)(process.execPath, ['--test-reporter=tap', program], { timeout: 60_000 })
  const { stdout } = await deadline(60_000, 'node:test', run)
  const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)?.[1])
  assert.equal(count('fail'), 0)
  assert(count('pass') > 50)
  assert.equal(count('pass') + count('skipped'), conformanceCases.length)
  assert.match(stdout, /# SKIP a toy lives and dies with its process/)
})

test.run()
