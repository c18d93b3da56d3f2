import type { Window } from './windows.js'

/** A change of one key of a table, or of one of its windows. */
export interface TableUpdate<V> {
  readonly key: Uint8Array
  /** Of a table by windows. */
  readonly window?: Window
  /** Undefined: deleted. */
  readonly value: V | undefined
  /** Undefined: there was none. */
  readonly previous: V | undefined
  readonly timestampMs: number
}
