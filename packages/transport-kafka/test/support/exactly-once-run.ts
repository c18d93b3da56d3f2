import { setTimeout as sleep } from 'node:timers/promises'
import { createBus } from '@busbar/core'
import { SeededRandom } from '@busbar/core/testing'
import { uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import type { PipingMemberOptions } from '../programs/piping-member.js'
import { readAll, textIn } from './copying.js'
import { assertNumbersOnce } from './exactly-once.js'
import { type Numbered, numbersIn } from './numbers-event.js'
import { type Program, startProgram } from './program.js'
import { connected, type TestTransport } from './test-transport.js'

export interface ExactlyOnceRun {
  readonly brokers: string[]
  readonly records: number
  /** How often one of the two instances is killed, at random, and replaced. */
  readonly kills: number
  readonly seed: number
}

export interface ExactlyOnceResult {
  readonly outputs: number
  /** Records that went through the pipeline: what is above `outputs` was done again, since nothing was committed of it. */
  readonly handled: number
  /** Transactions that were not committed, of those that lived to tell. */
  readonly failed: number
  readonly tookMs: number
}

const partitions = 6
const keys = 50
const portion = 100
/** Between two kills, at most. */
const longestMs = 1_500

/**
 * Two instances of a pipe, one of which is killed at a time, while there is work.
 *
 * @throws Error where a committed output is missing, there twice or out of its key's order.
 */
export async function exactlyOnceRun(run: ExactlyOnceRun): Promise<ExactlyOnceResult> {
  const { brokers, kills, seed } = run
  await using observer = await connected({ brokers })
  const [from, to] = [uniqueName('from'), uniqueName('to')]
  const names = [from, to]
  await observer.transport.ensureTopics(names.map(name => ({ name, create: true, partitions })))
  const started: Program[] = []
  const group = uniqueName('group')
  const member: PipingMemberOptions = {
    brokers,
    from,
    to,
    group,
    sessionTimeout: 2_000,
    commitIntervalMs: 30,
    workMs: 2,
  }
  const start = async (): Promise<Program> => {
    const program = startProgram('piping-member', member)
    started.push(program)
    await program.message('ready')
    return program
  }
  const startedAt = Date.now()
  const numbers = Array.from({ length: run.records }, (_, i) => {
    return { key: `k${i % keys}`, number: Math.floor(i / keys) }
  })
  const values = numbers.map(nameOf)
  try {
    const running: [Program, Program] = [await start(), await start()]
    const progress = { isOver: false }
    const killing = kill(running, start, kills, seed).finally(() => {
      progress.isOver = true
    })
    // As long as there are kills to come there are records to come, so that each meets work.
    const pauseMs = (kills * longestMs) / (numbers.length / portion)
    await publish(brokers, from, numbers, () => sleep(progress.isOver ? 0 : pauseMs))
    await killing
    await untilRead(observer, to, values.length)
    for (const program of running) await program.close()
    const found = await readAll(observer.transport, to)
    assertNumbersOnce(
      found.map(record => nameOf(JSON.parse(textIn(record)) as Numbered)),
      values,
    )
    const lines = started.flatMap(program => program.journal())
    const count = (word: string) => lines.filter(line => line.startsWith(`${word} `)).length
    const tookMs = Date.now() - startedAt
    return { outputs: found.length, handled: count('taken'), failed: count('failed'), tookMs }
  } finally {
    for (const program of started) await program[Symbol.asyncDispose]()
  }
}

async function kill(
  running: [Program, Program],
  start: () => Promise<Program>,
  kills: number,
  seed: number,
): Promise<void> {
  const random = new SeededRandom(seed)
  for (let count = 0; count < kills; count++) {
    await sleep(200 + random.next() * (longestMs - 200))
    const index = random.chance(0.5) ? 0 : 1
    await running[index].kill()
    running[index] = await start()
  }
}

async function publish(
  brokers: string[],
  topic: string,
  numbers: readonly Numbered[],
  betweenPortions: () => Promise<unknown>,
): Promise<void> {
  await using bus = createBus({ name: 'publisher', transport: kafkaTransport({ brokers }) })
  await bus.start()
  for (let next = 0; next < numbers.length; next += portion) {
    const published = numbers.slice(next, next + portion).map(number => bus.publish(numbersIn(topic), number))
    await Promise.all(published)
    await betweenPortions()
  }
}

const nameOf = ({ key, number }: Numbered): string => `${key}#${number}`

async function untilRead({ transport }: TestTransport, topic: string, count: number): Promise<void> {
  let last = -1
  let lastAt = Date.now()
  for (;;) {
    const found = (await readAll(transport, topic)).length
    if (found >= count) return
    if (found !== last) lastAt = Date.now()
    last = found
    if (Date.now() - lastAt > 30_000) throw new Error(`stuck at ${found} of ${count} outputs for 30 s`)
    await sleep(250)
  }
}
