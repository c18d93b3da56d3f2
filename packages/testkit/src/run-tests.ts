// The command behind `pnpm test`: node packages/testkit/dist/run-tests.js [--serial] [--timeout=<seconds>] [filter …]
import { parseArgs } from 'node:util'
import { repositoryRoot } from './repository-root.js'
import { runTests } from './runner/run-tests.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { serial: { type: 'boolean', default: false }, timeout: { type: 'string', default: '120' } },
})
// On a build server nobody reads why something was skipped, so that a skip must not pass.
const skipFails = Boolean(process.env['CI'])
const totals = await runTests({
  root: repositoryRoot(),
  filters: positionals,
  concurrency: values.serial ? 1 : 2,
  timeoutMs: Number(values.timeout) * 1000,
  skipFails,
})
process.exitCode = totals.failed > 0 || (skipFails && totals.skipped > 0) ? 1 : 0
