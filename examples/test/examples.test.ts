import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import { runExample } from './support/run-example.js'

const folder = join(import.meta.dirname, '..')
const test = suite('every example prints what it should')

/** Programs that are not run here, by a part of their path, and why. */
const leftOut: Readonly<Record<string, string>> = {
  'support/': 'what programs share',
  'three-services/': 'they need Kafka and Postgres: three-services.test.ts runs them',
  '/nest.ts': "Nest's Kafka module needs a broker: nestjs-programs.test.ts runs them on one",
}

for (const expected of await readdir(join(folder, 'expected'))) {
  const name = expected.replace(/\.txt$/, '')
  test(name, () => {
    const { KAFKA_BROKERS: _, SCHEMA_REGISTRY_URL: __, ...env } = process.env
    return runExample(name, env)
  })
}

test('every program has an expected output', async () => {
  const programs = (await readdir(join(folder, 'src'), { recursive: true })).filter(
    path => path.endsWith('.ts') && !Object.keys(leftOut).some(part => path.includes(part)),
  )
  const expected = await readdir(join(folder, 'expected'))
  assert.deepEqual(
    expected.sort(),
    programs.map(path => path.replace(/\.ts$/, '.txt').replaceAll('/', '.')).sort(),
  )
})

test.run()
