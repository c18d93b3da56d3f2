import type { MemorySchema } from './memory-protocol.js'
import type { CompatibilityLevel, CompatibilityVerdict } from './registry-client.js'

/** Whether a schema may follow the versions of a subject, oldest first. */
export function verdictOf(
  _level: CompatibilityLevel,
  _schema: MemorySchema,
  _versions: readonly MemorySchema[],
): CompatibilityVerdict {
  return { compatible: true, reasons: [] }
}
