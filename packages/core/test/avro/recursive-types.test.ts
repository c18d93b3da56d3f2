import { type Bus, defineEvent } from '@busbar/core'
import type { AvroCodec, AvroFunction } from '@busbar/core/avro'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('payload types of recursive Avro schemas and of codecs in schemas')

type Input<C> = C extends AvroCodec<infer In, infer _Out> ? In : never
type Output<C> = C extends AvroCodec<infer _In, infer Out> ? Out : never

// What is in here is compiled and never called: the compiler is the test, and an unused @ts-expect-error fails it.
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
  assert.is([recursion, nestedCodecs].length, 2)
})

test.run()
