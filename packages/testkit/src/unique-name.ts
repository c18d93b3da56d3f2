import { randomUUID } from 'node:crypto'

/** A name that no other test uses, for topics and groups on a shared broker. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`
}
