import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { deadline, eventually } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('closeOnSignals')

async function program(kind: string): Promise<{ child: ChildProcess; lines: string[] }> {
  return started('closing', [kind], 'ready')
}

async function started(name: string, args: readonly string[], line: string) {
  const child = spawn(process.execPath, [join(import.meta.dirname, `programs/${name}.js`), ...args])
  const lines: string[] = []
  child.stdout.on('data', chunk => lines.push(...String(chunk).trim().split('\n')))
  await eventually(() => assert.ok(lines.includes(line)), { timeoutMs: 20_000 })
  return { child, lines }
}

const endOf = async (child: ChildProcess) =>
  (await deadline(10_000, 'the end', once(child, 'close')))[0] as number

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`${signal} closes everything, and the process ends with 0 whatever else it has open`, async () => {
    const { child, lines } = await program('quick')
    child.kill(signal)
    assert.is(await endOf(child), 0)
    assert.equal(lines, ['ready', 'closing', 'closed', 'closed too'])
  })

test('a close that fails ends the process with 1', async () => {
  const { child, lines } = await program('failing')
  child.kill('SIGTERM')
  assert.is(await endOf(child), 1)
  assert.equal(lines, ['ready', 'closing', 'closing failed: the process ends'])
})

test('a close that hangs ends the process with 1 after its time', async () => {
  const { child, lines } = await program('hanging')
  child.kill('SIGTERM')
  assert.is(await endOf(child), 1)
  assert.equal(lines, ['ready', 'closing', 'closing took too long: the process ends'])
})

test('undoing one of two for the same thing leaves the other', async () => {
  const { child, lines } = await program('twice')
  child.kill('SIGTERM')
  assert.is(await endOf(child), 0)
  assert.equal(lines, ['ready', 'closing', 'closed'])
})

test('a second signal ends it at once', async () => {
  const { child, lines } = await program('hanging')
  child.kill('SIGTERM')
  await eventually(() => assert.ok(lines.includes('closing')))
  child.kill('SIGINT')
  assert.is(await endOf(child), 1)
  assert.equal(lines, ['ready', 'closing'])
})

test('a worker without a server lets its handler finish', async () => {
  const { child, lines } = await started('worker', [], 'charging 7')
  child.kill('SIGTERM')
  assert.is(await endOf(child), 0)
  assert.equal(lines, ['charging 7', 'charged 7'])
})

test.run()
