import { type Chaos, SeededRandom } from '@busbar/core/testing'

/** What a seed makes of the model: how much of everything. */
export interface Profile {
  readonly seed: number
  readonly orders: number
  readonly partitions: number
  readonly instances: number
  readonly concurrency: number
  readonly maxInFlight: number
  readonly latencyMs: number
  readonly sessionTimeoutMs: number
  readonly crashes: number
  readonly restarts: number
  readonly rebalances: number
  readonly chaos: Chaos
}

/** How long publishes and mishaps go on, in virtual milliseconds. */
export const spanMs = 3_000

/** A third of the seeds are calm: there, every effect must happen exactly once. */
export function profileOf(seed: number): Profile {
  const random = new SeededRandom(seed ^ 0x1234567)
  const isCalm = seed % 3 === 0
  const often = (limit: number): number => (isCalm ? 0 : random.next() * limit)
  return {
    seed,
    orders: 15 + random.below(25),
    partitions: 1 + random.below(4),
    instances: 1 + random.below(2),
    concurrency: 1 + random.below(4),
    maxInFlight: 2 + random.below(12),
    latencyMs: random.below(4),
    sessionTimeoutMs: random.pick([0, 0, 300]),
    crashes: isCalm ? 0 : random.below(4),
    restarts: random.below(3),
    rebalances: random.below(4),
    chaos: {
      sendFails: often(0.05),
      sendFailsAfterwards: often(0.05),
      duplicate: often(0.1),
      commitLost: often(0.3),
      rebalance: often(0.01),
      storeFails: often(0.05),
    },
  }
}

/** How often a subscription fails with an event before it succeeds; `Infinity`: until the model is healed. */
export function failuresOf(seed: number, subscription: string, n: number): number {
  let hash = (seed * 31 + n) >>> 0
  for (const character of subscription) hash = (Math.imul(hash, 16_777_619) ^ character.charCodeAt(0)) >>> 0
  const draw = new SeededRandom(hash).next()
  if (draw < 0.7) return 0
  if (draw < 0.85) return 1
  return draw < 0.93 ? 2 : Number.POSITIVE_INFINITY
}
