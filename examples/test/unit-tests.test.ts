import assert from 'node:assert/strict'
import { exec } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'

const test = suite('the unit tests of a service, each by its own framework')

const folder = join(import.meta.dirname, '..')
const cases = 5

/** The scripts of this package, and how each framework says how many tests there were and how many passed. */
const scripts = {
  'test:node': { total: /^(?:#|ℹ) tests (\d+)$/m, passed: /^(?:#|ℹ) pass (\d+)$/m },
  'test:uvu': { total: /^ {2}Total: +(\d+)$/m, passed: /^ {2}Passed: +(\d+)$/m },
  'test:vitest': { total: /^ +Tests .*\((\d+)\)$/m, passed: /^ +Tests .*?(\d+) passed/m },
} as const
type Script = keyof typeof scripts
const names = Object.keys(scripts) as Script[]

interface Result {
  readonly ok: boolean
  readonly total: number
  readonly passed: number
}

/** Runs a script of this package in a folder that has its unit tests, as a user would. */
async function run(script: Script, cwd: string): Promise<Result> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  const { NODE_OPTIONS: _, FORCE_COLOR: __, ...inherited } = process.env
  const env = {
    ...inherited,
    NO_COLOR: '1',
    PATH: `${join(folder, 'node_modules/.bin')}:${process.env['PATH']}`,
  }
  const command = manifest.scripts[script]
  assert.ok(command)
  const { ok, output } = await deadline(
    60_000,
    script,
    new Promise<{ ok: boolean; output: string }>(resolve => {
      exec(command, { cwd, env }, (error, stdout, stderr) =>
        resolve({ ok: error === null, output: stdout + stderr }),
      )
    }),
  )
  const { total, passed } = scripts[script]
  const count = (pattern: RegExp) => Number(output.match(pattern)?.[1] ?? 0)
  return { ok, total: count(total), passed: count(passed) }
}

for (const script of names) {
  test(`${script} passes`, async () => {
    assert.deepEqual(await run(script, folder), { ok: true, total: cases, passed: cases })
  })
}

/** Each is a fault that one of the cases is there to find; together they leave none that passes. */
const faults = [
  ["'welcome')", "'farewell')"],
  ['attempts: 4', 'attempts: 5'],
  ['delayMs: minuteMs', 'delayMs: 3 * minuteMs'],
  ['delayMs: hourMs', 'delayMs: 2 * hourMs'],
  ['?? []), mail]', '?? [])]'],
] as const

for (const script of names) {
  test(`${script} fails where the service is broken`, async () => {
    // Within the package, where the modules are found.
    const broken = await mkdtemp(join(folder, 'dist-test', 'broken-'))
    try {
      for (const name of ['unit-tests', 'dist-unit-tests', 'package.json'])
        await cp(join(folder, name), join(broken, name), { recursive: true })
      // It extends the one of this repository by a path from its own place.
      await rm(join(broken, 'unit-tests/tsconfig.json'))
      for (const path of ['unit-tests/mailer.ts', 'dist-unit-tests/mailer.js']) {
        let source = await readFile(join(broken, path), 'utf8')
        for (const [right, wrong] of faults) {
          assert.ok(source.includes(right), `${path} has no ${right}`)
          source = source.replace(right, wrong)
        }
        await writeFile(join(broken, path), source)
      }
      assert.deepEqual(await run(script, broken), { ok: false, total: cases, passed: 0 })
    } finally {
      await rm(broken, { recursive: true })
    }
  })
}

test.run()
