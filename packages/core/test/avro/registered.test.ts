import type { RegisteredCodec } from '@busbar/core'
import type { AvroCodec } from '@busbar/core/avro'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects, throws } from '../support/assertions.js'
import { ToyRegistry } from './toy-registry.js'
import { encoded, untyped } from './untyped.js'

const test = suite('avro() with a registry')

const record = (name: string, ...fields: readonly object[]) => ({ type: 'record', name, fields })
const id = { name: 'id', type: 'string' }
const user = record('User', id)
const ada = { id: 'Ada' }

function registered(
  registry: ToyRegistry,
  codec: AvroCodec<unknown> = untyped(user),
): RegisteredCodec<unknown> {
  return codec.registered?.(registry, 'users-value') as RegisteredCodec<unknown>
}

const hex = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('hex')
const framed = (schema: number, ...rest: readonly number[]): Uint8Array =>
  Uint8Array.from([0, 0, 0, 0, schema, ...rest])

test('values are in the Confluent wire format, both ways', () => {
  const registry = new ToyRegistry()
  registry.register('int')
  const codec = registered(registry)
  assert.is(codec.dataSchema, undefined)
  assert.is(hex(codec.encode(ada)), '0000000002' + '06416461')
  assert.equal(codec.decode(framed(2, 6, 65, 100, 97)), ada)
})

test('ids of four bytes', () => {
  const registry = new ToyRegistry()
  registry.schemas.set(0xfedc_ba98, {
    id: 0xfedc_ba98,
    type: 'AVRO',
    text: JSON.stringify(user),
    references: [],
  })
  assert.equal(registered(registry).decode(Uint8Array.from([0, 0xfe, 0xdc, 0xba, 0x98, 0])), { id: '' })
})

test('the id is asked for once, by all who want it meanwhile; then encoding takes no promise', async () => {
  const registry = new ToyRegistry()
  registry.isLate = true
  const codec = registered(registry)
  const payload = { ...ada }
  const first = codec.encode(payload)
  payload.id = 'changed after it was published'
  const all = await Promise.all([first, codec.encode(ada), codec.prepare('write')])
  assert.is(hex(all[0]), hex(all[1]))
  assert.instance(codec.encode(ada), Uint8Array)
  assert.equal(registry.asked, ['id users-value'])
})

test('while the registry is down nothing is written, and once it is back it is', async () => {
  const registry = new ToyRegistry()
  registry.isLate = true
  registry.isDown = true
  const codec = registered(registry)
  const error = await rejects(Promise.resolve(codec.encode(ada)), 'REGISTRY_UNAVAILABLE')
  assert.ok(error.retryable)
  await rejects(codec.prepare('write'), 'REGISTRY_UNAVAILABLE')
  registry.isDown = false
  assert.is(hex(await codec.encode(ada)), '000000000106416461')
})

test('a payload that is wrong is refused before the registry is asked', () => {
  const registry = new ToyRegistry()
  throws(() => registered(registry).encode({ id: 1 }), 'PAYLOAD_INVALID')
  assert.equal(registry.asked, [])
})

test('what a registry gives that is no id is refused', () => {
  for (const answer of [-1, 1.5, 2 ** 32, Number.NaN]) {
    const registry = new ToyRegistry()
    registry.idOf = () => answer
    assert.match(
      throws(() => registered(registry).encode(ada), 'ENCODE_FAILED').message,
      /not one of four bytes/,
    )
  }
})

test('a schema is asked for once, and the record read by it; then decoding takes no promise', async () => {
  const registry = new ToyRegistry()
  const older = registry.register(record('User', { name: 'age', type: 'int' }, id))
  registry.isLate = true
  const codec = registered(registry)
  assert.equal(await codec.decode(framed(older, 4, 6, 65, 100, 97)), ada)
  assert.equal(codec.decode(framed(older, 6, 0)), { id: '' })
  assert.equal(registry.asked, ['schema 1'])
})

test('an unknown id, and a registry that is down, are asked for again', async () => {
  const registry = new ToyRegistry()
  const codec = registered(registry)
  assert.ok(throws(() => codec.decode(framed(1, 0)), 'SCHEMA_UNKNOWN').retryable)
  registry.register(user)
  registry.isDown = true
  registry.isLate = true
  await rejects(Promise.resolve(codec.decode(framed(1, 0))), 'REGISTRY_UNAVAILABLE')
  registry.isDown = false
  assert.equal(await codec.decode(framed(1, 0)), { id: '' })
})

const never: readonly (readonly [string, readonly number[], RegExp])[] = [
  ['no bytes', [], /not in the Confluent wire format: 0 bytes are too few/],
  ['four bytes', [0, 0, 0, 0], /4 bytes are too few for its header of 5/],
  ['another magic byte', [1, 0, 0, 0, 1, 0], /it begins with byte 1, and not with 0/],
  ['JSON', [...Buffer.from('{"id":"a"}')], /it begins with byte 123/],
  [
    'a frame that is cut off',
    [0, 0, 0, 0, 1, 6, 65],
    /schema 1 of toy registry as User: truncated at byte 7 in field id/,
  ],
  ['bytes behind the record', [0, 0, 0, 0, 1, 0, 0], /1 bytes left over at byte 6/],
]

for (const [what, bytes, message] of never) {
  test(`${what}: no retry can help`, () => {
    const registry = new ToyRegistry()
    registry.register(user)
    const error = throws(() => registered(registry).decode(Uint8Array.from(bytes)), 'DECODE_FAILED')
    assert.match(error.message, message)
    assert.not(error.retryable)
  })
}

test('a schema of another format, another record, or none at all', () => {
  const registry = new ToyRegistry()
  const codec = registered(registry)
  const proto = registry.register('syntax', { type: 'PROTOBUF' })
  const other = registry.register(record('User', { name: 'name', type: 'string' }))
  const broken = registry.register({ type: 'recrod' })
  const decode = (schema: number) => () => codec.decode(framed(schema, 0))
  assert.match(
    throws(decode(proto), 'SCHEMA_INCOMPATIBLE').message,
    /schema 1 of toy registry is of type PROTOBUF, and User is read from Avro/,
  )
  for (let time = 0; time < 2; time++) {
    assert.match(
      throws(decode(other), 'SCHEMA_INCOMPATIBLE').message,
      /schema 2 of toy registry as User: the writer has no such field.* in field id of User/,
    )
  }
  assert.match(
    throws(decode(broken), 'SCHEMA_INVALID').message,
    /schema 3 of toy registry: this Avro schema is not valid/,
  )
})

test('schemas with references', () => {
  const registry = new ToyRegistry()
  const address = record('shop.Address', { name: 'zip', type: 'string' })
  const order = record('shop.Order', { name: 'to', type: 'shop.Address' })
  registry.register(order, { references: [JSON.stringify(address)] })
  const Order = untyped(record('shop.Order', { name: 'to', type: address }))
  assert.equal(registered(registry, Order).decode(framed(1, 2, 65)), { to: { zip: 'A' } })
})

test('a record that a bus without registry wrote is read by its fingerprint', () => {
  const registry = new ToyRegistry()
  const codec = untyped(user)
  assert.equal(registered(registry, codec).decode(encoded(codec, ada), codec.dataSchema), ada)
  assert.equal(registry.asked, [])
  const other = registered(registry, codec).encode(ada) as Uint8Array
  assert.equal(registered(registry, codec).decode(other, 'https://example.com/users.avsc'), ada)
})

test('preparing to read fetches what the subject has', async () => {
  const registry = new ToyRegistry()
  await registered(registry).prepare('read')
  assert.equal(registry.asked, ['preload users-value'])
})

test('a thousand schemas of others are kept, no more', () => {
  const registry = new ToyRegistry()
  const codec = registered(registry)
  for (let n = 0; n < 1_001; n++) registry.register({ ...user, doc: String(n) })
  const frame = (schema: number) => Uint8Array.from([0, 0, 0, schema >> 8, schema & 0xff, 0])
  for (let n = 1; n <= 1_001; n++) codec.decode(frame(n))
  assert.is(registry.asked.length, 1_001)
  codec.decode(frame(1_001))
  assert.is(registry.asked.length, 1_001)
  codec.decode(frame(1))
  assert.is(registry.asked.length, 1_002)
})

test.run()
