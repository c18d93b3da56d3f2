import type { PendingCommit } from './pending-commit.js'
import type { OutboundRecord } from './transport.js'

/** The records of a transaction over several partitions, in the order in which they were acknowledged. */
export interface OrderedEffects {
  readonly records: readonly OutboundRecord[]
  /** The index among `records` of a partition's own record. */
  indexOf(pending: PendingCommit, own: number): number
  /** Whose record stands at an index, and which of its own it is; undefined for none. */
  placeOf(index: number): { readonly pending: PendingCommit; readonly own: number } | undefined
  /** What belongs to the records of one partition, of what belongs to all. */
  shareOf<T>(pending: PendingCommit, all: readonly T[]): readonly T[]
}

/**
 * Puts the effects of a transaction's partitions in order, for use by transports: whoever acknowledges records of several topics one
 * after the other, as a stream with a state does, must find what they brought in that order, too.
 */
export function orderedEffects(pending: readonly PendingCommit[]): OrderedEffects {
  const places = pending.flatMap(each => each.records.map((record, own) => ({ each, own, record })))
  // Stable, so that what one acknowledgement brought stays together.
  if (pending.length > 1)
    places.sort((one, other) => (one.each.orders[one.own] ?? 0) - (other.each.orders[other.own] ?? 0))
  const indexes = new Map<PendingCommit, number[]>(pending.map(each => [each, []]))
  for (const [index, { each, own }] of places.entries()) (indexes.get(each) as number[])[own] = index
  const indexOf = (each: PendingCommit, own: number) => indexes.get(each)?.[own] ?? -1
  return {
    records: places.map(({ record }) => record),
    indexOf,
    placeOf: index => {
      const place = places[index]
      return place && { pending: place.each, own: place.own }
    },
    shareOf: (each, all) =>
      each.records.flatMap((_, own) => all.slice(indexOf(each, own), indexOf(each, own) + 1)),
  }
}
