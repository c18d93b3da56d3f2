import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { StateStoreId } from '@busbar/core'

/** A file system's limit is 255 bytes for a name; the rest of a long name is its hash. */
const maxName = 150

/** The folder of the store of one partition, on any file system: `<folder>/<group>/<store>/<partition>`. */
export function storeFolder(folder: string, { group, store, partition }: StateStoreId): string {
  return join(folder, fileName(group), fileName(store), String(partition))
}

/**
 * A name without characters that mean something to some file system. Upper-case letters are among them: where case does
 * not count, names that differ in nothing else would share a folder.
 */
function fileName(name: string): string {
  const safe = Array.from(Buffer.from(name), byte => {
    const character = String.fromCharCode(byte)
    return /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')
  if (safe.length <= maxName) return safe
  return `${safe.slice(0, maxName)}~${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}
