import type { AnyEvent, AnyRequest } from '@busbar/core'

/** What a bus publishes and handles. */
export type Contract = AnyEvent | AnyRequest

/** Plain JSON. */
export type Json = Readonly<Record<string, unknown>>

/** Each contract once, by name and then topic: what is written from them does not depend on the order of imports. */
export function inOrder(contracts: readonly Contract[]): readonly Contract[] {
  return [...new Set(contracts)].sort(
    (one, other) => compare(one.name, other.name) || compare(one.topic.name, other.topic.name),
  )
}

/** By code units: the same on every machine, whatever its language. */
export function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** `Map.groupBy`, which Node 20 does not have. */
export function grouped<T>(
  values: readonly T[],
  by: (value: T) => string,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const value of values) {
    const group = groups.get(by(value))
    if (group) group.push(value)
    else groups.set(by(value), [value])
  }
  return groups
}
