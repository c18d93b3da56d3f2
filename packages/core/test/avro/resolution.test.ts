import { type AvroSchema, parseSchema } from '@busbar/core/avro'
import { type JavaAvro, JavaAvroError, javaAvro } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ReadVerdicts } from '../../dist/avro/compatibility/can-read.js'
import { throws } from '../support/assertions.js'
import type { Direction } from './resolution-case.js'
import { nameCases } from './resolution-of-names.js'
import { valueCases } from './resolution-of-values.js'
import { encoded, untyped } from './untyped.js'

const test = suite('schema resolution of avro()')
const resolutionCases = [...valueCases, ...nameCases]
const java = await javaAvro()

interface Reading {
  readonly writer: AvroSchema
  readonly reader: AvroSchema
  readonly direction: Direction
}

const encode = (schema: AvroSchema, value: unknown): Uint8Array => encoded(untyped(schema), value)

function read({ writer, reader, direction }: Reading): unknown {
  return untyped(reader).decode(encode(writer, direction.value), untyped(writer).dataSchema)
}

function check(reading: Reading): void {
  const { gives, fails } = reading.direction
  if (fails) throws(() => read(reading), fails)
  else assert.equal(read(reading), gives)
}

async function compareWithJava(library: JavaAvro, reading: Reading): Promise<void> {
  const { writer, reader, direction } = reading
  const bytes = encode(writer, direction.value)
  const answer = await library.resolve({ writer, reader, bytes }).catch((error: unknown) => error)
  if (answer instanceof Error) assert.instance(answer, JavaAvroError)
  const agrees = direction.fails
    ? answer instanceof Error
    : !(answer instanceof Error) && (await isWritten(library, reader, direction.gives, answer))
  assert.is(
    agrees,
    direction.javaDiffers === undefined,
    `Java says ${JSON.stringify(answer)} ${String(answer)}`,
  )
}

/** Whether the value that Java read is written by it as ours is by us. */
async function isWritten(
  library: JavaAvro,
  reader: AvroSchema,
  value: unknown,
  answer: unknown,
): Promise<boolean> {
  const { json } = answer as { readonly json: string }
  return Buffer.from(await library.encode(reader, json)).equals(encode(reader, value))
}

for (const { name, one, other, there, back } of resolutionCases) {
  const readings: readonly (readonly [string, Reading])[] = [
    ['there', { writer: one, reader: other, direction: there }],
    ['back', { writer: other, reader: one, direction: back }],
  ]
  for (const [way, reading] of readings) {
    test(`${name}, ${way}`, () => check(reading))
    if (java) test(`${name}, ${way}: Avro for Java`, () => compareWithJava(java, reading))
  }
}

test('a record that cannot be read is not read inside of another one either', () => {
  const inner = (...fields: readonly object[]) => ({ type: 'record', name: 'A', fields })
  const outer = { type: 'record', name: 'B', fields: [{ name: 'in', type: 'A' }] }
  const writer = untyped(['null', inner(), outer])
  const reader = untyped(['null', inner({ name: 'new', type: 'int' }), outer])
  assert.is(reader.decode(encoded(writer, null), writer.dataSchema), null)
  const bytes = encoded(writer, { B: { in: {} } })
  throws(() => reader.decode(bytes, writer.dataSchema), 'SCHEMA_INCOMPATIBLE')
})

test('a long becomes the nearest float, which is not the float nearest to the nearest double', () => {
  const long = untyped('long', { long: 'bigint' })
  const read = (value: bigint) => untyped('float').decode(encoded(long, value), long.dataSchema)
  assert.is(read(2n ** 60n + 2n ** 36n + 1n), 2 ** 60 + 2 ** 37)
  assert.is(read(-(2n ** 60n) - 2n ** 36n - 1n), -(2 ** 60) - 2 ** 37)
  assert.is(read(2n ** 60n + 2n ** 36n), 2 ** 60)
})

test('what the check of compatibility calls readable is read', () => {
  for (const { one, other, there, back } of resolutionCases) {
    const [first, second] = [parseSchema(one), parseSchema(other)]
    const verdicts = new ReadVerdicts()
    if (there.fails) assert.not(verdicts.canRead(second, first), JSON.stringify([one, other]))
    if (back.fails) assert.not(verdicts.canRead(first, second), JSON.stringify([other, one]))
  }
})

test.run()
