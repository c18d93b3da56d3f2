import { avro } from '@busbar/core/avro'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from '../support/assertions.js'

const test = suite('codecs of avro() inside of schemas')

const Money = avro(
  { type: 'record', name: 'Money', fields: [{ name: 'minor', type: 'long' }] },
  { long: 'bigint' },
)
const Address = avro({ type: 'record', name: 'Address', fields: [{ name: 'fee', type: Money }] })

test('a codec keeps its options, however deep it stands', () => {
  const Order = avro({ type: 'record', name: 'Order', fields: [{ name: 'address', type: Address }] })
  const Basket = avro({ type: 'array', items: Order }, { long: 'number' })
  const basket = [{ address: { fee: { minor: 2n ** 60n } } }]
  assert.equal(Basket.decode(Basket.encode(basket) as Uint8Array, Basket.dataSchema), basket)
})

test('a codec of a codec has its types', () => {
  const Same = avro(Money, { long: 'number' })
  const Holder = avro({ type: 'record', name: 'Holder', fields: [{ name: 'money', type: Money }] })
  assert.equal(Same.decode(Same.encode({ minor: 1n }) as Uint8Array, Same.dataSchema), { minor: 1n })
  const holder = { money: { minor: 1n } }
  assert.equal(Holder.decode(Holder.encode(holder) as Uint8Array, Holder.dataSchema), holder)
})

test('codecs that share another may be used together, in any order', () => {
  const Customer = avro({
    type: 'record',
    name: 'Customer',
    fields: [
      { name: 'balance', type: Money },
      { name: 'address', type: Address },
    ],
  })
  const fields = [
    { name: 'address', type: Address },
    { name: 'customer', type: Customer },
    { name: 'total', type: Money },
  ] as const
  for (const order of [fields, fields.toReversed()]) {
    const Order = avro({ type: 'record', name: 'Order', fields: order as typeof fields })
    const fee = { minor: 1n }
    const value = { address: { fee }, customer: { balance: fee, address: { fee } }, total: fee }
    assert.equal(Order.decode(Order.encode(value) as Uint8Array, Order.dataSchema), value)
    assert.equal(avro(Order.schema.definition as 'null').schema, Order.schema)
  }
})

test('codecs that share another may stand in different namespaces', () => {
  const Bill = avro({ type: 'record', name: 'Bill', fields: [{ name: 'fee', type: Money }] })
  const Shop = avro({
    type: 'record',
    name: 'Shop',
    namespace: 'shop',
    fields: [{ name: 'fee', type: Money }],
  })
  const Both = avro({
    type: 'record',
    name: 'Both',
    fields: [
      { name: 'shop', type: Shop },
      { name: 'bill', type: Bill },
    ],
  })
  const both = { shop: { fee: { minor: 1n } }, bill: { fee: { minor: 2n } } }
  assert.equal(Both.decode(Both.encode(both) as Uint8Array, Both.dataSchema), both)
})

test('two codecs of one name must be of one schema', () => {
  const other = avro({ type: 'record', name: 'Money', fields: [{ name: 'minor', type: 'int' }] })
  const equal = avro({ type: 'record', name: 'Money', fields: [{ name: 'minor', type: 'long' }] })
  const pair = (type: typeof other | typeof equal) =>
    avro({
      type: 'record',
      name: 'Pair',
      fields: [
        { name: 'a', type: Money },
        { name: 'b', type },
      ],
    })
  const { message } = throws(() => pair(other), 'SCHEMA_INVALID')
  assert.match(message, /field b of record Pair: "Money" is declared twice, differently/)
  const Pair = pair(equal)
  const value = { a: { minor: 1n }, b: { minor: 2 } }
  assert.equal(Pair.decode(Pair.encode(value) as Uint8Array, Pair.dataSchema), value)
})

test.run()
