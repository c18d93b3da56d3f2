import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BusbarError, type StateStore } from '@busbar/core'
import { levelState } from '@busbar/state-level'
import { deadline, eventually } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('levelState, with a writer that is killed')
const program = join(import.meta.dirname, 'programs/dying-writer.js')
const id = { group: 'g', store: 's', partition: 0 }
let folder = ''

test.before.each(async () => {
  folder = await mkdtemp(join(tmpdir(), 'busbar-state-'))
})
test.after.each(() => rm(folder, { recursive: true, force: true }))

/** Runs the writer and does something meanwhile; then kills it. Resolves with the last round that it had written. */
async function killedWhile(work: (written: () => number) => Promise<void>): Promise<number> {
  const child = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', chunk => (output += String(chunk)))
  const written = () => Number(output.trimEnd().split('\n').at(-1))
  const closed = new Promise(resolve => child.once('close', resolve))
  try {
    await work(written)
  } finally {
    child.kill('SIGKILL')
    await deadline(5_000, 'the end of the writer', closed)
  }
  return written()
}

/** The round of which everything in the store is; fails when it holds parts of several. */
async function roundIn(store: StateStore): Promise<number> {
  const round = Number(Buffer.from(store.checkpoint ?? []).toString())
  let keys = 0
  for await (const { key, value } of store.scan()) {
    const name = Buffer.from(key).toString()
    if (name.startsWith('round-')) assert.is(name, `round-${round}`)
    assert.is(Buffer.from(value).toString().split(':')[0], String(round), name)
    keys += 1
  }
  assert.is(keys, round === 0 ? 0 : 21)
  return round
}

test('a write is there as a whole or not at all, and what was acknowledged is there', async () => {
  let before = 0
  for (let run = 0; run < 8; run += 1) {
    const written = await killedWhile(rounds =>
      eventually(() => assert.ok(rounds() > before + 100 * (run % 3) + run)),
    )
    const store = await levelState({ folder }).open(id)
    const found = await roundIn(store)
    assert.ok(found >= written, `found round ${found}, written was ${written}`)
    before = found
    await store.close()
  }
})

test('another process is refused while one has the store open, and may have it when that was killed', async () => {
  await killedWhile(async rounds => {
    await eventually(() => assert.ok(rounds() > 0))
    const refusal = await levelState({ folder })
      .open(id)
      .catch((error: unknown) => error)
    assert.instance(refusal, BusbarError)
    assert.is((refusal as BusbarError).code, 'STATE_LOCKED')
  })
  await (await levelState({ folder }).open(id)).close()
})

test('a log that ends in the middle of a write is read up to the write before', async () => {
  const written = await killedWhile(rounds => eventually(() => assert.ok(rounds() > 20)))
  const location = join(folder, 'g', 's', '0')
  const log = (await readdir(location))
    .filter(name => name.endsWith('.log'))
    .sort()
    .at(-1) as string
  const { length } = await readFile(join(location, log))
  await truncate(join(location, log), length - 1_000)
  const store = await levelState({ folder }).open(id)
  const found = await roundIn(store)
  assert.ok(found < written + 2, `found round ${found}, written was ${written}`)
  await store.close()
})

test('damaged files are reported or begun anew, never read as something else, and can be destroyed', async () => {
  const damages = {
    'an empty manifest': (names: string[]) => [names.find(name => name.startsWith('MANIFEST')), ''],
    'a manifest of something else': (names: string[]) => [
      names.find(name => name.startsWith('MANIFEST')),
      'x'.repeat(500),
    ],
    'a pointer to no manifest': () => ['CURRENT', 'MANIFEST-999999\n'],
    'an empty pointer': () => ['CURRENT', ''],
  } as const
  for (const [what, damage] of Object.entries(damages)) {
    await killedWhile(rounds => eventually(() => assert.ok(rounds() > 5)))
    const location = join(folder, 'g', 's', '0')
    const [name, content] = damage(await readdir(location)) as [string, string]
    await writeFile(join(location, name), content)
    const opened = await levelState({ folder })
      .open(id)
      .catch((error: unknown) => error)
    assert.instance(opened, BusbarError, what)
    assert.is((opened as BusbarError).code, 'STATE_CORRUPT', `${what}: ${(opened as BusbarError).message}`)
    await levelState({ folder }).destroy(id)
    const anew = await levelState({ folder }).open(id)
    assert.is(await roundIn(anew), 0)
    await anew.destroy()
  }
})

test.run()
