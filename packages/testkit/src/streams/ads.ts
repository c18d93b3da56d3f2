import { closedSessions, outerJoin, type Sided, windowCounts } from './batch-results.js'

/** An ad that was shown (left) or clicked (right), as it is published with its key. */
export interface Ad {
  readonly id: string
  readonly at: number
  readonly side: Sided['side']
}

/** Ads by key whose times go forward, with many out of order and some very late. */
export function randomAds(
  random: { below(limit: number): number },
  count: number,
): readonly { readonly key: string; readonly ad: Ad }[] {
  let now = 0
  return Array.from({ length: count }, (_, index) => {
    now += random.below(8)
    const back = random.below(10) === 0 ? random.below(60) : random.below(12)
    const at = Math.max(0, now - back)
    const side = random.below(2) === 0 ? 'left' : 'right'
    return { key: `k${random.below(5)}`, ad: { id: String(index), at, side } }
  })
}

export interface AdLengths {
  readonly sizeMs: number
  readonly gapMs: number
  readonly graceMs: number
  readonly beforeMs: number
  readonly afterMs: number
}

interface AdRecord {
  readonly partition: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

/**
 * What streams of ads come to, computed from the log, in whose order its records are given: each update of tumbling
 * windows and each closed session as `key@start-end=count`, and the pairs of an outer join. All sorted.
 */
export function adResults(log: readonly AdRecord[], lengths: AdLengths) {
  const { sizeMs, gapMs, graceMs } = lengths
  const input = byPartition(log)
  const counts = input.flatMap(each =>
    Object.entries(windowCounts(each, { sizeMs, advanceMs: sizeMs, graceMs })),
  )
  return {
    tumbling: counts
      .flatMap(([window, count]) => Array.from({ length: count }, (_, index) => `${window}=${index + 1}`))
      .sort(),
    sessions: input.flatMap(each => closedSessions(each, { gapMs, graceMs })).sort(),
    joined: input.flatMap(each => outerJoin(each, lengths)).sort(),
  }
}

function byPartition(log: readonly AdRecord[]): readonly (readonly Sided[])[] {
  const partitions = new Map<number, Sided[]>()
  for (const { partition, key, value } of log) {
    const { id, at, side } = JSON.parse(Buffer.from(value ?? []).toString()) as Ad
    const record = { key: Buffer.from(key ?? []).toString(), timeMs: at, id, side }
    partitions.set(partition, [...(partitions.get(partition) ?? []), record])
  }
  return [...partitions.values()]
}
