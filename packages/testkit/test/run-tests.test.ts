import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runTests } from '../dist/runner/run-tests.js'
import { type SharedServer, sharedServers } from '../dist/runner/shared-servers.js'

const test = suite<{ root: string }>('runTests')

test.before.each(async context => {
  context.root = await mkdtemp(join(tmpdir(), 'busbar-run-tests-'))
  await mkdir(join(context.root, 'packages/demo/test'), { recursive: true })
  await mkdir(join(context.root, 'packages/demo/dist-test'), { recursive: true })
})
test.after.each(async ({ root }) => {
  await rm(root, { recursive: true, force: true })
})

/** Adds a compiled test that does what the fixture does, and its source unless that is gone. */
async function add(root: string, name: string, fixture: string, source = true): Promise<void> {
  const url = pathToFileURL(join(import.meta.dirname, 'fixtures', fixture))
  await writeFile(
    join(root, `packages/demo/dist-test/${name}.test.js`),
    `import(${JSON.stringify(url.href)})\n`,
  )
  if (source) await writeFile(join(root, `packages/demo/test/${name}.test.ts`), '')
}

async function run(root: string, ...filters: string[]) {
  const lines: string[] = []
  const totals = await runTests({ root, filters, print: line => lines.push(line) })
  return { totals, lines, last: lines.at(-1) }
}

test('adds up all files, and ends with the totals alone', async ({ root }) => {
  await add(root, 'one', 'passing.js')
  await add(root, 'two', 'failing.js')
  const { lines, last } = await run(root)
  assert.is(last, '3 passed, 1 failed, 1 skipped')
  assert.ok(lines.some(line => line.startsWith('FAIL  packages/demo/test/two.test.ts: 1 failed')))
  assert.ok(
    lines.some(line => line.includes('on purpose')),
    'shows the output of the file that failed',
  )
})

test('names what failed once more before the totals', async ({ root }) => {
  await add(root, 'a-unsettled', 'unsettled.js')
  await add(root, 'b-failing', 'failing.js')
  await add(root, 'c-passing', 'passing.js')
  const { lines } = await run(root)
  assert.equal(lines.slice(-4, -1), [
    'FAIL  all that failed:',
    '      packages/demo/test/a-unsettled.test.ts: ended without a summary (exit code 1): a promise never settled?',
    '      packages/demo/test/b-failing.test.ts: failing  "fails"',
  ])
})

test('names a server that did not start among what failed', async ({ root }) => {
  await add(root, 'a-kafka', 'passing.js')
  await add(root, 'b-failing', 'failing.js')
  const kafka = sharedServers.find(({ name }) => name === 'Kafka') as SharedServer
  const { start } = kafka
  kafka.start = () => Promise.reject(new Error('it fell over'))
  try {
    const { lines } = await run(root)
    assert.equal(lines.slice(-4), [
      'FAIL  all that failed:',
      '      1 test files that need Kafka: it fell over',
      '      packages/demo/test/b-failing.test.ts: failing  "fails"',
      '1 passed, 2 failed, 0 skipped',
    ])
  } finally {
    kafka.start = start
  }
})

test('runs only what the filters name', async ({ root }) => {
  await add(root, 'one', 'passing.js')
  await add(root, 'two', 'failing.js')
  assert.is((await run(root, 'one')).last, '2 passed, 0 failed, 1 skipped')
})

test('does not run what was compiled from a source that is gone', async ({ root }) => {
  await add(root, 'one', 'passing.js')
  await add(root, 'gone', 'failing.js', false)
  assert.is((await run(root)).last, '2 passed, 0 failed, 1 skipped')
})

test('fails when there is nothing to run', async ({ root }) => {
  assert.is((await run(root, 'nothing')).last, '0 passed, 1 failed, 0 skipped')
})

test('skips files that need Kafka loudly where there is none', async ({ root }) => {
  await add(root, 'one', 'passing.js')
  await add(root, 'kafka-two', 'passing.js')
  const { PATH, JAVA_HOME, KAFKA_BROKERS } = process.env
  process.env['PATH'] = root
  delete process.env['JAVA_HOME']
  delete process.env['KAFKA_BROKERS']
  try {
    const { lines, last } = await run(root)
    assert.is(last, '2 passed, 0 failed, 2 skipped')
    assert.match(lines.join('\n'), /SKIPPED {2}1 test files that need Kafka: .*no Java 17\+.*install Java/)
  } finally {
    Object.assign(process.env, {
      PATH,
      ...(JAVA_HOME && { JAVA_HOME }),
      ...(KAFKA_BROKERS && { KAFKA_BROKERS }),
    })
  }
})

test.run()
