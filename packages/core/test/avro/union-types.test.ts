import type { AvroCodec, AvroFunction } from '@busbar/core/avro'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('payload types of unions and names in Avro schemas')

type Input<C> = C extends AvroCodec<infer In, infer _Out> ? In : never
type Output<C> = C extends AvroCodec<infer _In, infer Out> ? Out : never

const unions = (avro: AvroFunction) => {
  const optional = avro(['null', 'string'])
  expectTypeOf<Output<typeof optional>>().toEqualTypeOf<string | null>()
  const plain = avro([
    'int',
    'string',
    'bytes',
    { type: 'array', items: 'int' },
    { type: 'map', values: 'long' },
  ])
  expectTypeOf<Output<typeof plain>>().toEqualTypeOf<
    number | string | Uint8Array | number[] | Record<string, number>
  >()
  expectTypeOf<Input<typeof plain>>().toEqualTypeOf<
    number | string | Uint8Array | readonly number[] | Record<string, number>
  >()
  const one = avro(['string'])
  expectTypeOf<Output<typeof one>>().toEqualTypeOf<string>()

  const wrapped = avro([
    'null',
    { type: 'record', name: 'Cat', fields: [{ name: 'lives', type: 'int', default: 9 }] },
    { type: 'record', name: 'zoo.Dog', fields: [{ name: 'name', type: 'string' }] },
    'string',
    { type: 'long', logicalType: 'timestamp-millis' },
    { type: 'array', items: 'Cat' },
    { type: 'enum', name: 'Suit', namespace: 'cards', symbols: ['HEARTS'] },
    { type: 'fixed', name: 'Four', size: 4 },
  ])
  expectTypeOf<Output<typeof wrapped>>().toEqualTypeOf<
    | null
    | { Cat: { lives: number } }
    | { 'zoo.Dog': { name: string } }
    | { string: string }
    | { long: Date }
    | { array: { lives: number }[] }
    | { 'cards.Suit': 'HEARTS' }
    | { Four: Uint8Array }
  >()
  expectTypeOf<Extract<Input<typeof wrapped>, { Cat: unknown }>>().toEqualTypeOf<{
    Cat: { lives?: number | undefined }
  }>()
  const value = { 'zoo.Dog': { name: 'Rex' } } as Output<typeof wrapped>
  if (value !== null && 'zoo.Dog' in value) expectTypeOf(value['zoo.Dog'].name).toEqualTypeOf<string>()

  const mapAndRecord = avro([
    { type: 'map', values: 'int' },
    { type: { type: 'record', name: 'R', fields: [] } },
  ])
  expectTypeOf<keyof (Output<typeof mapAndRecord> & object)>().toEqualTypeOf<never>()
  const mapped: Output<typeof mapAndRecord> = { map: { a: 1 } }
  return mapped
}

const names = (avro: AvroFunction) => {
  const codec = avro({
    type: 'record',
    name: 'Order',
    namespace: 'shop',
    fields: [
      { name: 'state', type: { type: 'enum', name: 'State', symbols: ['OPEN', 'SENT'] } },
      { name: 'simple', type: 'State' },
      { name: 'full', type: ['null', 'shop.State'] },
      {
        name: 'other',
        type: {
          type: 'record',
          name: 'bank.eu.Account',
          fields: [
            { name: 'state', type: { type: 'enum', name: 'State', symbols: ['FROZEN'] } },
            { name: 'bankState', type: 'State' },
            { name: 'shopState', type: 'shop.State' },
            { name: 'iban', type: { type: 'fixed', name: 'Iban', namespace: '', size: 34 } },
            {
              name: 'owner',
              type: { type: 'record', name: 'Owner', fields: [{ name: 's', type: { type: 'State' } }] },
            },
          ],
        },
      },
      { name: 'bankState', type: { type: 'array', items: 'bank.eu.State' } },
      { name: 'iban', type: 'map', values: 'bank.eu.Owner' },
      { name: 'choice', type: ['bank.eu.Owner', 'bank.eu.Account', 'State'] },
    ],
  })
  type Owner = { s: 'FROZEN' }
  type Account = {
    state: 'FROZEN'
    bankState: 'FROZEN'
    shopState: 'OPEN' | 'SENT'
    iban: Uint8Array
    owner: Owner
  }
  expectTypeOf<Output<typeof codec>>().toEqualTypeOf<{
    state: 'OPEN' | 'SENT'
    simple: 'OPEN' | 'SENT'
    full: 'OPEN' | 'SENT' | null
    other: Account
    bankState: 'FROZEN'[]
    iban: Record<string, Owner>
    choice: { 'bank.eu.Owner': Owner } | { 'bank.eu.Account': Account } | { 'shop.State': 'OPEN' | 'SENT' }
  }>()
  expectTypeOf(codec.describes).toEqualTypeOf<'record shop.Order'>()
}

test('compiles', () => {
  assert.is([unions, names].length, 2)
})

test.run()
