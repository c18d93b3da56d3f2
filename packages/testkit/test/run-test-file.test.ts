import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runTestFile } from '../dist/runner/run-test-file.js'

const test = suite('runTestFile')
const LIMITS = { timeoutMs: 20_000, leakMs: 5_000 }

async function run(fixture: string, limits: Partial<typeof LIMITS> = {}) {
  return await runTestFile(join(import.meta.dirname, 'fixtures', fixture), { ...LIMITS, ...limits })
}

test('counts passed and skipped tests', async () => {
  const { passed, failed, skipped, problems } = await run('passing.js')
  assert.equal({ passed, failed, skipped, problems }, { passed: 2, failed: 0, skipped: 1, problems: [] })
})

test('tells of what a file goes without, and counts it as skipped', async () => {
  const { failed, skipped, missing } = await run('going-without.js')
  assert.equal([failed, skipped, missing], [0, 1, ['SKIPPED going-without: no such server']])
})

test('counts failed tests, and keeps the output', async () => {
  const { passed, failed, problems, output } = await run('failing.js')
  assert.equal({ passed, failed, problems }, { passed: 1, failed: 1, problems: [] })
  assert.match(output, 'on purpose')
})

test('kills a file that hangs', async () => {
  const { failed, problems, output, durationMs } = await run('hanging.js', { timeoutMs: 1_500 })
  assert.is(failed, 1)
  assert.equal(problems, ['did not end in 1.5 s and was killed'])
  assert.match(output, 'Still open: ')
  assert.ok(durationMs < 10_000)
})

test('fails a file that ends before its summary', async () => {
  const { failed, problems } = await run('unsettled.js')
  assert.is(failed, 1)
  assert.match(problems[0] ?? '', 'ended without a summary')
})

test('fails a file that leaves something open, and says what', async () => {
  const { passed, failed, problems, output } = await run('leaking.js', { leakMs: 300 })
  assert.equal({ passed, failed }, { passed: 1, failed: 1 })
  assert.match(problems[0] ?? '', 'still alive 0.3 s after its summary')
  assert.match(output, /Still open: .*TCPServerWrap/)
})

test('fails a file that draws a warning from Node', async () => {
  const { passed, failed, problems } = await run('warning.js')
  assert.equal({ passed, failed }, { passed: 1, failed: 1 })
  assert.match(problems[0] ?? '', 'TimeoutNegativeWarning')
})

test('fails a file that passes and then ends with another exit code', async () => {
  const { failed, problems } = await run('exiting.js')
  assert.is(failed, 1)
  assert.equal(problems, ['passed, and then ended with exit code 3'])
})

test('fails a file that does not exist', async () => {
  assert.is((await run('missing.js')).failed, 1)
})

test.run()
