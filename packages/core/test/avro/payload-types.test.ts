import { type Bus, defineEvent, type EventInput, type EventPayload } from '@busbar/core'
import type { AvroCodec, AvroFunction } from '@busbar/core/avro'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('payload types of Avro schemas')

type Input<C> = C extends AvroCodec<infer In, infer _Out> ? In : never
type Output<C> = C extends AvroCodec<infer _In, infer Out> ? Out : never

// What is in here is compiled and never called: the compiler is the test, and an unused @ts-expect-error fails it.
const records = (avro: AvroFunction, bus: Bus) => {
  const UserCreated = defineEvent('UserCreated', {
    key: user => user.id,
    schema: avro({
      type: 'record',
      name: 'UserCreated',
      fields: [
        { name: 'id', type: 'string' },
        { name: 'name', type: 'string' },
        { name: 'email', type: 'string' },
      ],
    }),
  })
  type User = { id: string; name: string; email: string }
  expectTypeOf<EventPayload<typeof UserCreated>>().toEqualTypeOf<User>()
  expectTypeOf<EventInput<typeof UserCreated>>().toEqualTypeOf<User>()
  bus.subscribe(UserCreated, user => expectTypeOf(user).toEqualTypeOf<User>())
  // @ts-expect-error a field is missing
  void bus.publish(UserCreated, { id: '1', name: 'Ada' })
  // @ts-expect-error a field too many
  void bus.publish(UserCreated, { id: '1', name: 'Ada', email: '', age: 3 })
  // @ts-expect-error a field is wrong
  void bus.publish(UserCreated, { id: 1, name: 'Ada', email: '' })
  // @ts-expect-error no such field
  bus.subscribe(UserCreated, user => void user.age)

  const Everything = avro({
    type: 'record',
    name: 'Everything',
    doc: 'One field of each kind.',
    aliases: ['All'],
    'my.attribute': { any: 'thing' },
    fields: [
      { name: 'nothing', type: 'null' },
      { name: 'flag', type: 'boolean', order: 'ignore' },
      { name: 'int', type: 'int' },
      { name: 'long', type: { type: 'long' } },
      { name: 'float', type: 'float' },
      { name: 'double', type: 'double', aliases: ['real'], doc: 'A number.' },
      { name: 'bytes', type: 'bytes' },
      { name: 'fixed', type: { type: 'fixed', name: 'Four', size: 4 } },
      {
        name: 'suit',
        type: { type: 'enum', name: 'Suit', symbols: ['HEARTS', 'SPADES'], default: 'HEARTS' },
      },
      { name: 'list', type: { type: 'array', items: 'string' } },
      { name: 'inlineList', type: 'array', items: ['null', 'int'] },
      { name: 'map', type: { type: 'map', values: 'int' } },
      { name: 'inlineMap', type: 'map', values: 'Suit' },
      { name: 'nested', type: { type: { type: 'array', items: { type: 'array', items: 'int' } } } },
      { name: 'record', type: { type: 'record', name: 'Empty', fields: [] } },
      { name: 'error', type: { type: 'error', name: 'Failure', fields: [{ name: 'text', type: 'string' }] } },
    ],
  })
  type Everything = {
    nothing: null
    flag: boolean
    int: number
    long: number
    float: number
    double: number
    bytes: Uint8Array
    fixed: Uint8Array
    suit: 'HEARTS' | 'SPADES'
    list: string[]
    inlineList: (number | null)[]
    map: Record<string, number>
    inlineMap: Record<string, 'HEARTS' | 'SPADES'>
    nested: number[][]
    // biome-ignore lint/complexity/noBannedTypes: the type of a record without fields
    record: {}
    error: { text: string }
  }
  expectTypeOf<Output<typeof Everything>>().toEqualTypeOf<Everything>()
  expectTypeOf<Input<typeof Everything>>().toEqualTypeOf<
    Omit<Everything, 'list' | 'inlineList' | 'nested'> & {
      list: readonly string[]
      inlineList: readonly (number | null)[]
      nested: readonly (readonly number[])[]
    } extends infer T
      ? { [K in keyof T]: T[K] }
      : never
  >()
  expectTypeOf<Output<typeof Everything>>().toExtend<Input<typeof Everything>>()
}

const defaults = (avro: AvroFunction) => {
  const codec = avro({
    type: 'record',
    name: 'Order',
    fields: [
      { name: 'state', type: 'string', default: 'open' },
      { name: 'note', type: ['null', 'string'], default: null },
      { name: 'tags', type: { type: 'array', items: 'string' }, default: [] },
      {
        name: 'line',
        type: {
          type: 'record',
          name: 'Line',
          fields: [
            { name: 'sku', type: 'string' },
            { name: 'count', type: 'int', default: 1 },
          ],
        },
      },
      { name: 'more', type: 'array', items: 'Line', default: [] },
    ],
  })
  expectTypeOf<Output<typeof codec>>().toEqualTypeOf<{
    state: string
    note: string | null
    tags: string[]
    line: { sku: string; count: number }
    more: { sku: string; count: number }[]
  }>()
  expectTypeOf<Input<typeof codec>>().toEqualTypeOf<{
    state?: string | undefined
    note?: string | null | undefined
    tags?: readonly string[] | undefined
    line: { sku: string; count?: number | undefined }
    more?: readonly { sku: string; count?: number | undefined }[] | undefined
  }>()
  const minimal: Input<typeof codec> = { line: { sku: 'x' } }
  const withUndefined: Input<typeof codec> = {
    ...minimal,
    note: undefined,
    line: { sku: '', count: undefined },
  }
  return [minimal, withUndefined]
}

test('compiles', () => {
  assert.is([records, defaults].length, 2)
})

test.run()
