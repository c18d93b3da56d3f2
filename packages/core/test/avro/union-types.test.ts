import { type Bus, defineEvent } from '@busbar/core'
import type { AvroCodec, AvroFunction } from '@busbar/core/avro'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('payload types of unions, names and recursion in Avro schemas')

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

const recursion = (avro: AvroFunction, bus: Bus) => {
  const list = avro({
    type: 'record',
    name: 'Node',
    fields: [
      { name: 'value', type: 'int' },
      { name: 'next', type: ['null', 'Node'], default: null },
    ],
  })
  type Node = { value: number; next: Node | null }
  type NodeInput = { value: number; next?: NodeInput | null | undefined }
  expectTypeOf<Output<typeof list>>().toEqualTypeOf<Node>()
  expectTypeOf<Input<typeof list>>().toEqualTypeOf<NodeInput>()
  const List = defineEvent('list', { schema: list })
  void bus.publish(List, { value: 1, next: { value: 2, next: { value: 3 } } })
  // @ts-expect-error wrong three levels down
  void bus.publish(List, { value: 1, next: { value: 2, next: { value: '3' } } })

  const tree = avro({
    type: 'record',
    name: 'a.Tree',
    fields: [
      { name: 'children', type: { type: 'array', items: 'Tree' } },
      { name: 'byName', type: 'map', values: ['null', 'a.Tree'] },
      { name: 'choice', type: ['string', 'Tree', { type: 'record', name: 'Leaf', fields: [] }] },
    ],
  })
  type Tree = {
    children: Tree[]
    byName: Record<string, Tree | null>
    // biome-ignore lint/complexity/noBannedTypes: the type of a record without fields
    choice: { string: string } | { 'a.Tree': Tree } | { 'a.Leaf': {} }
  }
  expectTypeOf<Output<typeof tree>>().toEqualTypeOf<Tree>()

  const mutual = avro({
    type: 'record',
    name: 'Person',
    fields: [
      {
        name: 'employer',
        type: {
          type: 'record',
          name: 'Company',
          fields: [
            { name: 'staff', type: { type: 'array', items: 'Person' } },
            { name: 'owner', type: ['null', 'Company'] },
          ],
        },
      },
      { name: 'former', type: 'array', items: 'Company' },
    ],
  })
  type Company = { staff: Person[]; owner: Company | null }
  type Person = { employer: Company; former: Company[] }
  expectTypeOf<Output<typeof mutual>>().toEqualTypeOf<Person>()
}

const nestedCodecs = (avro: AvroFunction) => {
  const Address = avro(
    {
      type: 'record',
      name: 'Address',
      namespace: 'geo',
      fields: [
        { name: 'street', type: 'string', default: '' },
        { name: 'number', type: 'long' },
      ],
    },
    { long: 'bigint' },
  )
  const Country = avro({ type: 'enum', name: 'Country', symbols: ['AT', 'CH'] })
  type In = { street?: string | undefined; number: bigint }
  type Out = { street: string; number: bigint }
  const Person = avro({
    type: 'record',
    name: 'Person',
    fields: [
      { name: 'address', type: Address },
      { name: 'former', type: { type: 'array', items: Address } },
      { name: 'work', type: ['null', Address], default: null },
      { name: 'byName', type: ['null', 'geo.Address'] },
      { name: 'country', type: Country },
      { name: 'age', type: 'long' },
      { name: 'wrapped', type: [Address, Country, { type: 'map', values: Country }] },
      { name: 'here', type: avro({ type: 'record', name: 'Inline', fields: [{ name: 'a', type: 'int' }] }) },
    ],
  })
  expectTypeOf<Output<typeof Person>>().toEqualTypeOf<{
    address: Out
    former: Out[]
    work: Out | null
    byName: Out | null
    country: 'AT' | 'CH'
    age: number
    wrapped: { 'geo.Address': Out } | { Country: 'AT' | 'CH' } | { map: Record<string, 'AT' | 'CH'> }
    here: { a: number }
  }>()
  expectTypeOf<Input<typeof Person>['work']>().toEqualTypeOf<In | null | undefined>()
  expectTypeOf<Input<typeof Person>['former']>().toEqualTypeOf<readonly In[]>()
}

test('compiles', () => {
  assert.is([unions, names, recursion, nestedCodecs].length, 4)
})

test.run()
