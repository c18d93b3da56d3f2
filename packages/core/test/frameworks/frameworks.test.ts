import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('the same test of a service, with other frameworks')

const folder = import.meta.dirname
const run = promisify(execFile)

test('node:test', async () => {
  const args = ['--test', '--test-reporter=tap', join(folder, 'user-service.node-test.js')]
  const { stdout } = await deadline(60_000, 'node --test', run(process.execPath, args))
  assert.match(stdout, /^# pass 1$/m)
})

test('vitest', async () => {
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
  const args = [vitest, 'run', 'user-service.spec', '--root', folder, '--reporter=json']
  const { stdout } = await deadline(60_000, 'vitest', run(process.execPath, args))
  const { numPassedTests, numFailedTests } = JSON.parse(stdout) as Record<string, number>
  assert.is(numPassedTests, 1)
  assert.is(numFailedTests, 0)
})

test.run()
