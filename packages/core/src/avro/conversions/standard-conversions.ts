import type { SchemaNode } from '../schema/schema-node.js'
import type { Conversion } from './conversion.js'
import {
  bytesOfInteger,
  type DecimalFormat,
  decimalText,
  digitsIn,
  integerOfBytes,
  unscaledOf,
} from './decimal.js'

/** A conversion of a logical type that Avro defines, as one schema declares it. */
export interface StandardConversion extends Conversion {
  /** What it takes, for messages. */
  readonly expected: string
  /** Whether it reads and writes a `long` as a `bigint`. Default: as a number. */
  readonly isBigInt?: true
}

const standard: Readonly<Record<string, (node: SchemaNode) => StandardConversion>> = {
  'timestamp-millis': node => of(node, ['long'], timestampMillis),
  'timestamp-micros': node => of(node, ['long'], timestampMicros),
  date: node => of(node, ['int'], date),
  decimal,
  uuid,
}

/**
 * The conversion of a node with a logical type that is converted by default; undefined if Avro, or we, know no such one.
 * Throws where the declaration is not what Avro 1.12, "Logical Types", asks for.
 */
export function standardConversion(node: SchemaNode): StandardConversion | undefined {
  const name = node.logicalType?.name
  return name !== undefined && Object.hasOwn(standard, name) ? standard[name]?.(node) : undefined
}

/** The precision and scale that a node declares. Throws where they are no such. */
export function decimalFormat(node: SchemaNode): DecimalFormat {
  const { precision, scale = 0 } = node.logicalType?.attributes ?? {}
  if (typeof precision !== 'number' || !Number.isInteger(precision) || precision < 1) {
    throw new Error('a decimal needs "precision", its number of digits')
  }
  if (typeof scale !== 'number' || !Number.isInteger(scale) || scale < 0 || scale > precision) {
    throw new Error(`"scale" must be a number of digits, at most the precision ${precision}`)
  }
  return { precision, scale }
}

/** Milliseconds since the epoch. */
const timestampMillis: StandardConversion = {
  expected: 'a valid Date',
  toAvro(value) {
    if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime()
    throw new Error('not a valid Date')
  },
  fromAvro(raw) {
    const value = new Date(raw as number)
    if (Number.isNaN(value.getTime())) throw new Error('beyond what a Date holds')
    return value
  },
}

const timestampMicros: StandardConversion = {
  expected: 'microseconds as a bigint',
  isBigInt: true,
  toAvro: value => value,
  fromAvro: raw => raw,
}

const msOfDay = 86_400_000

/** Days since the epoch, of the years 0000 to 9999. */
const date: StandardConversion = {
  expected: 'a date as YYYY-MM-DD',
  toAvro(value) {
    const days = typeof value === 'string' && value.length === 10 ? Date.parse(value) / msOfDay : Number.NaN
    if (Number.isInteger(days) && dateText(days) === value) return days
    throw new Error('not a date as YYYY-MM-DD')
  },
  fromAvro(raw) {
    const text = dateText(raw as number)
    if (text?.length === 10) return text
    throw new Error('not within the years 0000 to 9999')
  },
}

/** Longer than ten characters outside of the years 0000 to 9999; undefined beyond what a Date holds. */
function dateText(days: number): string | undefined {
  const day = new Date(days * msOfDay)
  return Number.isNaN(day.getTime()) ? undefined : day.toISOString().slice(0, -'T00:00:00.000Z'.length)
}

function decimal(node: SchemaNode): StandardConversion {
  const size = node.kind === 'fixed' ? node.size : undefined
  const format = decimalFormat(node)
  if (size !== undefined && format.precision > digitsIn(size)) {
    throw new Error(`${size} bytes hold ${digitsIn(size)} digits, and "precision" is ${format.precision}`)
  }
  return of(node, ['bytes', 'fixed'], {
    expected: `a decimal of at most ${format.precision} digits as text, ${format.scale} of them after the point`,
    toAvro: value => bytesOfInteger(unscaledOf(value, format), size),
    fromAvro: raw => decimalText(integerOfBytes(raw as Uint8Array, format.precision), format),
  })
}

const uuidText = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** RFC 9562, as text or as its 16 bytes. */
function uuid(node: SchemaNode): StandardConversion {
  if (node.kind === 'fixed' && node.size !== 16) throw new Error('a uuid on a fixed needs "size" 16')
  const checked = (value: unknown): string => {
    if (typeof value === 'string' && uuidText.test(value)) return value
    throw new Error('not a UUID')
  }
  const onFixed: Conversion = {
    toAvro: value => new Uint8Array(Buffer.from(checked(value).replaceAll('-', ''), 'hex')),
    fromAvro: raw =>
      Buffer.from(raw as Uint8Array)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  }
  const onString: Conversion = { toAvro: checked, fromAvro: checked }
  return of(node, ['string', 'fixed'], {
    expected: 'a UUID',
    ...(node.kind === 'fixed' ? onFixed : onString),
  })
}

function of(
  node: SchemaNode,
  kinds: readonly SchemaNode['kind'][],
  conversion: StandardConversion,
): StandardConversion {
  if (kinds.includes(node.kind)) return conversion
  throw new Error(`"${node.logicalType?.name}" belongs to ${kinds.join(' or ')}, not to ${node.kind}`)
}
