import { BusbarError, type SchemaRegistry } from '@busbar/core'
import type { AvroCodec } from '@busbar/core/avro'
import { seededRandom } from '../../seeded-random.js'
import { mutate } from './mutate.js'
import { type Subject, subjects } from './subjects.js'

/** What became of the mutations of a run. */
export interface FuzzReport {
  readonly mutations: number
  /** Values, valid under the reader's schema. */
  readonly values: number
  /** Errors by code. */
  readonly errors: Readonly<Record<string, number>>
  /** The longest that one took, in milliseconds. */
  readonly slowestMs: number
  /** The most parts (items, fields, entries) that a value had for each byte that it was read from. */
  readonly mostPartsPerByte: number
  /** Breaches of what is promised, with what repeats them. */
  readonly violations: readonly string[]
}

const slowestAllowedMs = 1_000
/** The items without bytes that a record may have, and the fields that a reader adds to each. */
const freeParts = 40_000
const partsPerByte = 20
const expectedCodes: readonly string[] = ['DECODE_FAILED', 'SCHEMA_INCOMPATIBLE']

/**
 * Gives mutations of valid records to `avro()`: bare, with the header of their writer, and framed, as a registry's. Each
 * must become an error of the codec's, or a value that the reader's schema holds, of a size in proportion to its bytes.
 */
export function runFuzz(
  mutations: number,
  seed: number,
  progress: (done: number) => void = () => {},
): FuzzReport {
  const random = seededRandom(seed)
  const errors: Record<string, number> = {}
  const violations: string[] = []
  let values = 0
  let slowestMs = 0
  let mostPartsPerByte = 0
  const readings = subjects.flatMap(readingsOf)
  for (let index = 0; index < mutations; index++) {
    const { subject, read, reader } = readings[Math.floor(random() * readings.length)] as Reading
    const records = subject.records
    const original = records[Math.floor(random() * records.length)] as Uint8Array
    const bytes = mutate(original, records, random)
    const breach = (what: string) =>
      violations.push(`${subject.name}, ${Buffer.from(bytes).toString('hex')}: ${what}`)
    const start = performance.now()
    try {
      const value = read(bytes)
      values++
      const parts = countParts(value)
      if (bytes.length > 0) mostPartsPerByte = Math.max(mostPartsPerByte, parts / bytes.length)
      if (parts > freeParts + partsPerByte * bytes.length) breach(`${parts} parts`)
      const why = whyInvalid(reader, value)
      if (why !== undefined) breach(why)
    } catch (error) {
      const code = error instanceof BusbarError ? error.code : String(error)
      errors[code] = (errors[code] ?? 0) + 1
      if (!expectedCodes.includes(code)) breach(String(error))
    }
    const tookMs = performance.now() - start
    slowestMs = Math.max(slowestMs, tookMs)
    if (tookMs > slowestAllowedMs) breach(`${tookMs} ms`)
    if (index % 1_000 === 999) progress(index + 1)
  }
  return { mutations, values, errors, slowestMs, mostPartsPerByte, violations }
}

interface Reading {
  readonly subject: Subject
  readonly reader: AvroCodec<unknown>
  readonly read: (bytes: Uint8Array) => unknown
}

function readingsOf(subject: Subject): readonly Reading[] {
  const { writer } = subject
  const text = JSON.stringify(writer.schema.definition)
  const registry: SchemaRegistry = {
    name: 'fuzz',
    subjectOf: ({ topic }) => topic,
    schemaOf: id => ({ id, type: 'AVRO', text, references: [] }),
    idOf: () => 1,
    preload: async () => {},
  }
  return subject.readers.flatMap(reader => {
    const framed = reader.registered?.(registry, 's')
    return [
      { subject, reader, read: bytes => reader.decode(bytes, writer.dataSchema) },
      {
        subject,
        reader,
        read: bytes => framed?.decode(Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), bytes])),
      },
    ]
  })
}

/** A value of the reader's schema can be written with it, and read again as the same. */
function whyInvalid(reader: AvroCodec<unknown>, value: unknown): string | undefined {
  try {
    const bytes = Buffer.from(reader.encode(value) as Uint8Array)
    const again = reader.encode(reader.decode(bytes, reader.dataSchema)) as Uint8Array
    return bytes.equals(again) ? undefined : 'it is another value when it is written and read'
  } catch (error) {
    return `not valid for the reader: ${String(error)}`
  }
}

function countParts(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 1
  if (value instanceof Uint8Array) return value.length
  return Object.values(value).reduce((sum: number, each) => sum + countParts(each), 1)
}
