import { type AvroCodec, type AvroFunction, type AvroSchema, defineConversion } from '@busbar/core/avro'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('payload types of logical types and of Avro schemas that are not known')

type Input<C> = C extends AvroCodec<infer In, infer _Out> ? In : never
type Output<C> = C extends AvroCodec<infer _In, infer Out> ? Out : never

// What is in here is compiled and never called: the compiler is the test, and an unused @ts-expect-error fails it.
const conversions = (avro: AvroFunction) => {
  const fields = [
    { name: 'millis', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'micros', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }] },
    { name: 'date', type: { type: 'int', logicalType: 'date' } },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 } },
    { name: 'rate', type: { type: 'fixed', name: 'Rate', size: 8, logicalType: 'decimal', precision: 9 } },
    { name: 'uuid', type: { type: 'string', logicalType: 'uuid' } },
    { name: 'time', type: { type: 'int', logicalType: 'time-millis' } },
    { name: 'plain', type: 'long' },
    { name: 'uuidBytes', type: { type: 'fixed', name: 'Uuid', size: 16, logicalType: 'uuid' } },
    // Beside the field's type, or around it, a logical type means nothing.
    { name: 'beside', type: 'long', logicalType: 'timestamp-millis' },
    { name: 'around', type: { type: { type: 'long' }, logicalType: 'timestamp-millis' } },
  ] as const
  type Standard = {
    millis: Date
    micros: bigint | null
    date: string
    price: string
    rate: string
    uuid: string
    time: number
    plain: number
    uuidBytes: string
    beside: number
    around: number
  }
  const standard = avro({ type: 'record', name: 'Standard', fields })
  expectTypeOf<Output<typeof standard>>().toEqualTypeOf<Standard>()
  expectTypeOf<Input<typeof standard>>().toEqualTypeOf<Standard>()

  const exact = avro({ type: 'record', name: 'Exact', fields }, { long: 'bigint' })
  type Exact = Omit<Standard, 'plain' | 'beside' | 'around'> & {
    plain: bigint
    beside: bigint
    around: bigint
  }
  expectTypeOf<Output<typeof exact>>().branded.toEqualTypeOf<Exact>()

  const time = defineConversion<number, { hour: number }>({
    toAvro: ({ hour }) => hour * 3_600_000,
    fromAvro: raw => ({ hour: raw / 3_600_000 }),
  })
  const own = avro(
    { type: 'record', name: 'Own', fields },
    { conversions: { 'time-millis': time, decimal: false, 'timestamp-millis': false, unused: false } },
  )
  type Own = Omit<Standard, 'time' | 'price' | 'rate' | 'millis'> & {
    time: { hour: number }
    price: Uint8Array
    rate: Uint8Array
    millis: number
  }
  expectTypeOf<Output<typeof own>>().branded.toEqualTypeOf<Own>()
  expectTypeOf<Input<typeof own>>().branded.toEqualTypeOf<Own>()
  expectTypeOf<Output<typeof own>['time']>().toEqualTypeOf<{ hour: number }>()

  const either = avro('long', { long: Math.random() > 0.5 ? 'bigint' : 'number' })
  expectTypeOf<Output<typeof either>>().toEqualTypeOf<number | bigint>()
  // @ts-expect-error no such option
  avro('long', { lnog: 'bigint' })
  // @ts-expect-error no conversion
  avro('long', { conversions: { date: true } })
}

const notKnown = (avro: AvroFunction, loaded: AvroSchema, parsed: ReturnType<typeof JSON.parse>) => {
  expectTypeOf<Output<ReturnType<typeof ofLoaded>>>().toBeUnknown()
  const ofLoaded = () => avro(loaded)
  const ofParsed = avro(parsed)
  expectTypeOf<Output<typeof ofParsed>>().toBeUnknown()
  expectTypeOf<Input<typeof ofParsed>>().toBeUnknown()
  // As a JSON module is typed.
  const module = { type: 'record', name: 'X', fields: [{ name: 'a', type: 'int', order: 'ignore' }] }
  const ofModule = avro(module)
  expectTypeOf<Output<typeof ofModule>>().toBeUnknown()
  const partly = avro({
    type: 'record',
    name: 'Partly',
    fields: [
      { name: 'known', type: 'int' },
      { name: 'loaded', type: loaded },
      { name: 'list', type: { type: 'array', items: loaded } },
      { name: 'text', type: String(1) },
      { name: 'symbols', type: { type: 'enum', name: 'E', symbols: [String(1)] } },
    ],
  })
  expectTypeOf<Output<typeof partly>>().toEqualTypeOf<{
    known: number
    loaded: unknown
    list: unknown[]
    text: unknown
    symbols: string
  }>()
  const fields = avro({
    type: 'record',
    name: 'Fields',
    fields: ['a', 'b'].map(name => ({ name, type: 'int' })),
  })
  expectTypeOf<Output<typeof fields>>().toBeUnknown()
  expectTypeOf(avro('string', { knownWriters: [loaded, avro('int'), 'bytes'] })).toEqualTypeOf<
    AvroCodec<string, string, 'string'>
  >()
}

test('compiles', () => {
  assert.is([conversions, notKnown].length, 2)
})

test('a conversion is what was declared', () => {
  const conversion = { toAvro: (text: string) => text.length, fromAvro: (raw: number) => 'x'.repeat(raw) }
  assert.is(defineConversion(conversion), conversion)
})

test.run()
