import { checkCompatibility } from '@busbar/core/avro'
import type { MemorySchema } from './memory-protocol.js'
import type { CompatibilityLevel, CompatibilityVerdict } from './registry-client.js'

/**
 * Whether a schema may follow the versions of a subject, oldest first. JSON Schemas are not compared; another format
 * than before is refused.
 *
 * @throws BusbarError `SCHEMA_INVALID` for defaults that don't have their types.
 */
export function verdictOf(
  level: CompatibilityLevel,
  schema: MemorySchema,
  versions: readonly MemorySchema[],
): CompatibilityVerdict {
  const compared = level === 'NONE' ? [] : level.endsWith('_TRANSITIVE') ? versions : versions.slice(-1)
  const other = compared.find(({ type }) => type !== schema.type)
  if (other)
    return { compatible: false, reasons: [`it is ${schema.type}, and a version before it ${other.type}`] }
  if (schema.type !== 'AVRO') return { compatible: true, reasons: [] }
  const { compatible, problems } = checkCompatibility({
    mode: level,
    ...parsed(schema),
    against: compared.map(each => parsed(each)),
  })
  return { compatible, reasons: problems.map(({ message }) => message) }
}

function parsed({ text, needs }: MemorySchema): { schema: unknown; references: readonly unknown[] } {
  return { schema: JSON.parse(text) as unknown, references: needs.map(each => JSON.parse(each) as unknown) }
}
