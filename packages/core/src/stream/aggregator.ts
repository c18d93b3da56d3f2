import type { Codec } from '../codec.js'

/** How records come together in one value. Functions of their arguments alone: a record may be processed more than once. */
export interface Aggregator<V, A> {
  /** Takes a record in; `aggregate` is undefined for the first one. */
  readonly add: (aggregate: A | undefined, value: V, key: string) => A
  /** Makes one of two sessions. */
  readonly merge?: ((one: A, other: A, key: string) => A) | undefined
  /** Takes out what a table no longer has; undefined deletes the key. */
  readonly subtract?: ((aggregate: A, value: V, key: string) => A | undefined) | undefined
  readonly codec?: Codec<A> | undefined
}

export interface AggregateOptions<V, A> {
  /** What is there before the first record. */
  readonly initial: () => A
  /** Takes a record in. A pure function: a record may be processed more than once. */
  readonly add: (aggregate: A, value: V, key: string) => A
  /** How values are stored. Default: JSON. */
  readonly codec?: Codec<A>
}

export const counter: Aggregator<unknown, number> = {
  add: (count = 0) => count + 1,
  merge: (one, other) => one + other,
  subtract: count => count - 1,
}

export function reducer<V>(
  reduce: (one: V, other: V, key: string) => V,
  codec: Codec<V> | undefined,
): Aggregator<V, V> {
  return {
    add: (value, next, key) => (value === undefined ? next : reduce(value, next, key)),
    merge: reduce,
    codec,
  }
}

export function aggregator<V, A>({ initial, add, codec }: AggregateOptions<V, A>): Aggregator<V, A> {
  return {
    add: (aggregate, value, key) => add(aggregate === undefined ? initial() : aggregate, value, key),
    codec,
  }
}
