import { createHash } from 'node:crypto'

/** A key as the table has it: a hash of all of it, and a text for people. */
export interface StoreKey {
  readonly id: Buffer
  readonly text: string
}

const shownLength = 200

export function storeKey(key: string): StoreKey {
  return {
    id: createHash('sha256').update(key, 'utf16le').digest(),
    // Postgres' text holds neither NUL nor half a surrogate pair.
    text: key.slice(0, shownLength).toWellFormed().replaceAll('\0', '\u2400'),
  }
}

/** The number under which transactions of one key lock each other out: 64 bits of its hash. */
export function lockNumber({ id }: StoreKey): string {
  return id.readBigInt64BE().toString()
}
