import { decimalFormat, standardConversion } from '../conversions/standard-conversions.js'
import type { SchemaNode } from '../schema/schema-node.js'
import type { Shape } from '../shape.js'

/** Those that count something from somewhere: read as another of them, a value would be another one. */
const counts: readonly string[] = [
  'timestamp-millis',
  'timestamp-micros',
  'timestamp-nanos',
  'local-timestamp-millis',
  'local-timestamp-micros',
  'local-timestamp-nanos',
  'time-millis',
  'time-micros',
  'date',
  'duration',
]

/**
 * Why a writer's logical type must not be read as the reader's, if it must not: where the value would silently be another
 * one, such as milliseconds read as microseconds, or a decimal's bytes as text. Schema resolution looks at logical types
 * only for decimals, which must agree in scale and precision (Avro 1.12, "Decimal"). Another precision is no other value,
 * so that it may grow; a value that does not fit is refused when it comes.
 */
export function logicalMismatch(writer: SchemaNode, reader: Shape): string | undefined {
  const from = validLogicalType(writer)
  const to = validLogicalType(reader.node)
  if (from === 'decimal' || to === 'decimal') return decimalMismatch(writer, reader, from, to)
  if (from === undefined || to === undefined || from === to) return undefined
  if (!counts.includes(from) || !counts.includes(to)) return undefined
  return `the writer's ${from} cannot be read as ${to}`
}

function decimalMismatch(
  writer: SchemaNode,
  reader: Shape,
  from: string | undefined,
  to: string | undefined,
): string | undefined {
  if (writer.kind !== reader.kind && (writer.kind === 'string' || reader.kind === 'string')) {
    return `the writer's ${from ?? writer.kind} cannot be read as ${to ?? reader.kind}`
  }
  if (from !== to) return undefined
  const { scale } = decimalFormat(writer)
  const wanted = decimalFormat(reader.node).scale
  return scale === wanted
    ? undefined
    : `the writer's decimal of scale ${scale} cannot be read as one of scale ${wanted}`
}

/** As Avro asks, a declaration that is not valid counts as none. */
function validLogicalType(node: SchemaNode): string | undefined {
  try {
    standardConversion(node)
  } catch {
    return undefined
  }
  return node.logicalType?.name
}
