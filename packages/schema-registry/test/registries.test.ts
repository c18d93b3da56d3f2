import {
  confluentRegistry,
  memoryRegistry,
  type RegistrySchema,
  type SchemaRegistryClient,
} from '@busbar/schema-registry'
import { deadline, registryForTests } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'
import { registryCases } from './support/registry-cases.js'
import { avroSchema, field, userSchema } from './support/schemas.js'

const test = suite('registries: the same answers in memory and from a real one')

const real = await registryForTests()
const inMemory = memoryRegistry()
const registries: [string, () => SchemaRegistryClient][] = [['in memory', () => inMemory]]
if (real !== undefined) registries.push(['real', () => confluentRegistry({ url: real.url })])

for (const [kind, client] of registries) {
  for (const { name, run } of registryCases) {
    test(`${kind}: ${name}`, () => deadline(10_000, name, run(client(), client())))
  }
}

test('in memory: NONE takes everything, a level is an option, and another format is refused', async () => {
  const number = userSchema([field('n', 'int')])
  const text = userSchema([field('n', 'string')])
  const loose = memoryRegistry({ compatibility: 'NONE' })
  for (const schema of [number, text, number]) await loose.register('users', schema)
  assert.equal(await loose.versions('users'), [1, 2])
  await loose.setCompatibility('FULL_TRANSITIVE')
  assert.is(await loose.compatibility('users'), 'FULL_TRANSITIVE')
  const json: RegistrySchema = { format: 'json-schema', definition: { type: 'object' } }
  await rejects(
    () => loose.register('users', json),
    'SCHEMA_INCOMPATIBLE',
    /it is JSON, and a version before it AVRO/,
  )
  const error = await rejects(
    () => inMemory.check('users', avroSchema({ type: 'nonsense' })),
    'SCHEMA_INVALID',
  )
  assert.match(error.message, /^schema registry in memory: the schema is not accepted: /)
})

test('in memory: a level that is none is refused, where it is an option and later', async () => {
  const level = 'BACKWARDS' as never
  await rejects(
    () => memoryRegistry({ compatibility: level }),
    'CONFIG_INVALID',
    /"compatibility" must be one of/,
  )
  const registry = memoryRegistry()
  for (const subject of ['users', undefined]) {
    await rejects(() => registry.setCompatibility(level, subject), 'SCHEMA_INVALID')
  }
  assert.is(await registry.compatibility('users'), 'BACKWARD')
})

test('in memory: a refusal names the field and the rule', async () => {
  const registry = memoryRegistry()
  await registry.register('users', userSchema([]))
  const message = /subject "users": the schema may not follow the versions before it: .*\bid\b/
  await rejects(
    () => registry.register('users', userSchema([field('id', 'string')])),
    'SCHEMA_INCOMPATIBLE',
    message,
  )
})

test.run()
