import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import { runExample } from './support/run-example.js'

const folder = join(import.meta.dirname, '..')
const test = suite('every example prints what it should')

for (const expected of await readdir(join(folder, 'expected'))) {
  const name = expected.replace(/\.txt$/, '')
  test(name, () => {
    const { KAFKA_BROKERS: _, SCHEMA_REGISTRY_URL: __, ...env } = process.env
    return runExample(name, env)
  })
}

test('every program has an expected output', async () => {
  const programs = (await readdir(join(folder, 'src'), { recursive: true })).filter(
    path => path.endsWith('.ts') && !path.startsWith('support') && !path.startsWith('three-services'),
  )
  const expected = await readdir(join(folder, 'expected'))
  assert.deepEqual(
    expected.sort(),
    programs.map(path => path.replace(/\.ts$/, '.txt').replaceAll('/', '.')).sort(),
  )
})

test.run()
