import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'

const folder = join(import.meta.dirname, '..')
const test = suite('every example prints what it should')

/** Programs that are not run here, by their file's name, and why. */
const leftOut: Readonly<Record<string, string>> = {
  'nest.ts': "Nest's Kafka module needs a broker: nestjs-programs.test.ts runs them on one",
}

for (const expected of await readdir(join(folder, 'expected'))) {
  const name = expected.replace(/\.txt$/, '')
  test(name, async () => {
    const program = join(folder, 'dist', `${name.replaceAll('.', '/')}.js`)
    const { KAFKA_BROKERS: _, SCHEMA_REGISTRY_URL: __, ...env } = process.env
    const run = promisify(execFile)(process.execPath, [program], { env })
    const { stdout, stderr } = await deadline(30_000, name, run)
    assert.equal(stderr, '')
    // Handlers of several groups run side by side: which of them prints first is not promised.
    assert.deepEqual(lines(stdout), lines(await readFile(join(folder, 'expected', expected), 'utf8')))
  })
}

function lines(text: string): string[] {
  return text.split('\n').sort()
}

test('every program has an expected output', async () => {
  const programs = (await readdir(join(folder, 'src'), { recursive: true })).filter(
    path => path.endsWith('.ts') && !path.startsWith('support') && !(basename(path) in leftOut),
  )
  const expected = await readdir(join(folder, 'expected'))
  assert.deepEqual(
    expected.sort(),
    programs.map(path => path.replace(/\.ts$/, '.txt').replaceAll('/', '.')).sort(),
  )
})

test.run()
