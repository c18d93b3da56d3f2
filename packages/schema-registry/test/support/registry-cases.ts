import type { CompatibilityLevel, SchemaRegistryClient } from '@busbar/schema-registry'
import { uniqueName } from '@busbar/testkit'
import * as assert from 'uvu/assert'
import { rejects } from './assertions.js'
import { avroSchema, field, userSchema } from './schemas.js'

/** What every registry has to answer alike. Subjects are names of each case's own: registries are shared. */
export interface RegistryCase {
  readonly name: string
  run(registry: SchemaRegistryClient, other: SchemaRegistryClient): Promise<void>
}

const id = field('id', 'string')
const first = userSchema([id])
const withName = userSchema([id, field('name', 'string', { default: '' })])
const withRequired = userSchema([id, field('name', 'string')])

/**
 * Levels, two versions, and whether the second may follow. Without NONE: Apicurio takes it for "no level of its own",
 * so that the global one holds.
 */
const evolutions: readonly [CompatibilityLevel, unknown, unknown, boolean][] = [
  ['BACKWARD', [id], [id, field('n', 'int', { default: 0 })], true],
  ['BACKWARD', [id], [id, field('n', 'int')], false],
  ['BACKWARD', [id, field('n', 'int')], [id], true],
  ['FORWARD', [id], [id, field('n', 'int')], true],
  ['FORWARD', [id, field('n', 'int')], [id], false],
  ['FORWARD', [id, field('n', 'int', { default: 0 })], [id], true],
  ['FULL', [id], [id, field('n', 'int', { default: 0 })], true],
  ['FULL', [id], [id, field('n', 'int')], false],
  ['FULL', [id, field('n', 'int')], [id], false],
  ['BACKWARD', [field('n', 'int')], [field('n', 'long')], true],
  ['FORWARD', [field('n', 'int')], [field('n', 'long')], false],
  ['FORWARD', [field('n', 'long')], [field('n', 'int')], true],
  ['BACKWARD', [field('n', 'string')], [field('n', 'int')], false],
  ['BACKWARD', [field('n', 'string')], [field('n', ['null', 'string'])], true],
  ['BACKWARD', [field('n', ['null', 'string'])], [field('n', 'string')], false],
]

export const registryCases: readonly RegistryCase[] = [
  {
    name: 'a subject that nobody has registered has nothing',
    async run(registry) {
      const subject = uniqueName('none')
      assert.equal(await registry.versions(subject), [])
      assert.is(await registry.latest(subject), undefined)
      assert.is(await registry.version(subject, 1), undefined)
      assert.is(await registry.lookup(subject, first), undefined)
      assert.equal(await registry.check(subject, first), { compatible: true, reasons: [] })
      assert.not.ok((await registry.subjects()).includes(subject))
      await registry.preload(subject)
    },
  },
  {
    name: 'versions are counted per subject, and found by number, as the latest and by their schema',
    async run(registry) {
      const subject = uniqueName('users')
      const one = await registry.register(subject, first)
      const two = await registry.register(subject, withName)
      assert.is.not(one, two)
      assert.equal(await registry.versions(subject), [1, 2])
      assert.is((await registry.latest(subject))?.id, two)
      assert.is((await registry.version(subject, 1))?.id, one)
      assert.is(await registry.version(subject, 3), undefined)
      const found = await registry.lookup(subject, first)
      assert.equal([found?.subject, found?.version, found?.id, found?.type], [subject, 1, one, 'AVRO'])
      assert.equal(JSON.parse(found?.text ?? ''), first.definition)
      assert.is(await registry.lookup(subject, withRequired), undefined)
      assert.ok((await registry.subjects()).includes(subject))
    },
  },
  {
    name: 'the same schema has one id, in every subject, and is registered once',
    async run(registry) {
      const [one, other] = [uniqueName('one'), uniqueName('other')]
      const schema = userSchema([id, field(uniqueName('f').replaceAll('-', '_'), 'int')])
      const given = await registry.register(one, schema)
      assert.is(await registry.register(one, { ...schema }), given)
      assert.is(await registry.register(other, schema), given)
      assert.equal(await registry.versions(one), [1])
      assert.equal(await registry.versions(other), [1])
    },
  },
  {
    name: 'a schema with another doc is another version',
    async run(registry) {
      const subject = uniqueName('docs')
      const one = await registry.register(subject, first)
      assert.is.not(await registry.register(subject, userSchema([id], { doc: 'Somebody.' })), one)
      assert.equal(await registry.versions(subject), [1, 2])
    },
  },
  {
    name: 'a schema is found by its id',
    async run(registry, other) {
      const given = await registry.register(uniqueName('users'), first)
      const found = await other.schemaOf(given)
      assert.equal([found.id, found.type, found.references], [given, 'AVRO', []])
      assert.equal(JSON.parse(found.text), first.definition)
    },
  },
  {
    name: 'an id that nobody has is unknown, for now',
    async run(registry) {
      const error = await rejects(
        () => registry.schemaOf(2 ** 31 - 1),
        'SCHEMA_UNKNOWN',
        /no schema of id 2147483647/,
      )
      assert.ok(error.retryable)
    },
  },
  {
    name: 'an id that no registry gives is unknown for good',
    async run(registry) {
      for (const no of [-1, 2 ** 31, 2 ** 32 - 1, 0.5]) {
        const error = await rejects(() => registry.schemaOf(no), 'SCHEMA_UNKNOWN')
        assert.not.ok(error.retryable)
      }
    },
  },
  {
    name: 'what is no schema is refused',
    async run(registry) {
      const subject = uniqueName('invalid')
      for (const definition of [
        { type: 'nonsense' },
        { type: 'record', name: 'User', fields: [field('a', 'Missing')] },
        { type: 'record', name: 'User' },
        { type: 'record', name: 'User', fields: [field('a', 'int', { default: 'none' })] },
        { type: 'enum', name: 'E', symbols: ['a', 'a'] },
      ]) {
        await rejects(() => registry.register(subject, avroSchema(definition)), 'SCHEMA_INVALID')
      }
      assert.equal(await registry.versions(subject), [])
    },
  },
  {
    name: 'a level holds globally unless a subject has its own',
    async run(registry) {
      const subject = uniqueName('levels')
      await registry.register(subject, first)
      const global = await registry.compatibility()
      assert.is(await registry.compatibility(subject), global)
      assert.is(await registry.compatibility(uniqueName('none')), global)
      await registry.setCompatibility('FORWARD_TRANSITIVE', subject)
      assert.is(await registry.compatibility(subject), 'FORWARD_TRANSITIVE')
      assert.is(await registry.compatibility(), global)
    },
  },
  ...evolutions.map(
    ([level, before, after, compatible], index): RegistryCase => ({
      name: `${level}: case ${index + 1} is ${compatible ? 'taken' : 'refused'}`,
      async run(registry) {
        const subject = uniqueName('evolution')
        await registry.register(subject, userSchema(before as []))
        await registry.setCompatibility(level, subject)
        const next = userSchema(after as [])
        assert.is((await registry.check(subject, next)).compatible, compatible)
        assert.equal(await registry.versions(subject), [1], 'checking registers nothing')
        if (compatible) await registry.register(subject, next)
        else await rejects(() => registry.register(subject, next), 'SCHEMA_INCOMPATIBLE', /may not follow/)
        assert.equal(await registry.versions(subject), compatible ? [1, 2] : [1])
      },
    }),
  ),
  ...(['BACKWARD', 'BACKWARD_TRANSITIVE'] as const).map(
    (level): RegistryCase => ({
      name: `${level} is held against ${level === 'BACKWARD' ? 'the last version' : 'all versions'}`,
      async run(registry) {
        const subject = uniqueName('transitive')
        // The third reads the second, which has the field, and not the first, which has not.
        await registry.register(subject, first)
        await registry.register(subject, withName)
        await registry.setCompatibility(level, subject)
        const compatible = level === 'BACKWARD'
        assert.is((await registry.check(subject, withRequired)).compatible, compatible)
        if (compatible) await registry.register(subject, withRequired)
        else await rejects(() => registry.register(subject, withRequired), 'SCHEMA_INCOMPATIBLE')
      },
    }),
  ),
  {
    name: 'references are resolved, each after what it needs',
    async run(registry, other) {
      const [city, address, person] = [uniqueName('city'), uniqueName('address'), uniqueName('person')]
      const cityText = { type: 'record', name: 'City', namespace: 'x', fields: [field('name', 'string')] }
      const addressText = {
        type: 'record',
        name: 'Address',
        namespace: 'x',
        fields: [field('city', 'x.City')],
      }
      await registry.register(city, avroSchema(cityText))
      const toCity = { name: 'x.City', subject: city, version: 1 }
      await registry.register(address, avroSchema(addressText, [toCity]))
      const fields = [field('home', 'x.Address'), field('birthplace', 'x.City')]
      const toAddress = { name: 'x.Address', subject: address, version: 1 }
      const schema = avroSchema({ type: 'record', name: 'Person', namespace: 'x', fields }, [
        toAddress,
        toCity,
      ])
      const given = await registry.register(person, schema)
      assert.equal((await registry.lookup(person, schema))?.references, [toAddress, toCity])
      const found = await other.schemaOf(given)
      assert.equal(
        found.references.map((text): unknown => JSON.parse(text)),
        [cityText, addressText],
      )
    },
  },
  {
    name: 'a reference to what is not there is refused',
    async run(registry) {
      const schema = avroSchema({ type: 'record', name: 'Person', fields: [field('home', 'x.Address')] }, [
        { name: 'x.Address', subject: uniqueName('none'), version: 1 },
      ])
      await rejects(() => registry.register(uniqueName('person'), schema), 'SCHEMA_INVALID')
    },
  },
  {
    name: 'the id of a schema that is registered is found, also where only docs and defaults differ',
    async run(registry, other) {
      const subject = uniqueName('ids')
      const one = await registry.register(subject, first)
      const two = await registry.register(subject, withName)
      assert.is(await other.idOf(subject, first), one)
      assert.is(await other.idOf(subject, userSchema([id, field('name', 'string', { doc: 'Full.' })])), two)
      assert.equal(await registry.versions(subject), [1, 2])
    },
  },
  {
    name: 'the id of a schema that is not registered is unknown, and registers nothing',
    async run(registry, other) {
      const subject = uniqueName('unregistered')
      const error = await rejects(() => other.idOf(subject, first), 'SCHEMA_UNKNOWN', /busbar schemas push/)
      assert.not.ok(error.retryable)
      assert.equal(await registry.versions(subject), [])
      const differs = uniqueName('differs')
      await registry.register(differs, withName)
      await rejects(() => other.idOf(differs, first), 'SCHEMA_UNKNOWN', /has none equal to it/)
      assert.equal(await registry.versions(differs), [1])
    },
  },
  {
    name: 'JSON Schemas are kept beside Avro',
    async run(registry, other) {
      const subject = uniqueName('json')
      const definition = { type: 'object', properties: { id: { type: 'string' } } }
      const given = await registry.register(subject, { format: 'json-schema', definition })
      const found = await other.schemaOf(given)
      assert.equal([found.type, JSON.parse(found.text)], ['JSON', definition])
      const reordered = { properties: { id: { type: 'string' } }, type: 'object' }
      assert.is(await other.idOf(subject, { format: 'json-schema', definition: reordered }), given)
    },
  },
  {
    name: 'subjects may have any name',
    async run(registry) {
      const subject = `${uniqueName('odd')} /?#%ä:`
      const given = await registry.register(subject, first)
      assert.is((await registry.latest(subject))?.id, given)
      assert.equal(await registry.versions(subject), [1])
    },
  },
]
