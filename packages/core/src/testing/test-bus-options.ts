import { BusbarError } from '../error.js'
import type { Logger } from '../logger.js'
import type { Chaos } from './faults.js'
import type { TestObserver } from './observer.js'

export interface TestBusOptions {
  /**
   * Decides on everything that could happen in another order or fail by chance: the same seed, the same run. Default: the
   * environment variable `BUSBAR_SEED`, else 1.
   */
  readonly seed?: number
  /** Partitions of a topic that is created without a number. Default: 3. */
  readonly partitions?: number
  /** The name of a bus that is made without one. Default: `test`. */
  readonly name?: string
  /** Default: none, what goes wrong is in `track`'s rejection and in `deadLetters`. */
  readonly logger?: Logger
  /** What fails by chance. Default: nothing. */
  readonly chaos?: Chaos
  /**
   * How long, at most, the broker takes for each call, in virtual milliseconds: a publish then needs the clock to move.
   * Default: 0, a few turns.
   */
  readonly latencyMs?: number
  /** How long a finished prefix waits for its commit, in virtual milliseconds. Default: 5. */
  readonly commitIntervalMs?: number
  /** How long a group waits for a crashed member, in virtual milliseconds. Default: 0. */
  readonly sessionTimeoutMs?: number
  /**
   * How long, in real milliseconds, handlers may await what the virtual clock does not move. 0: none does, so don't look,
   * which is faster. Default: 2,000.
   */
  readonly realTimeoutMs?: number
  /** Sees what passes between buses and broker. */
  readonly observer?: TestObserver
}

/** The seed that was given, that of the environment, or 1. @throws BusbarError `CONFIG_INVALID` */
export function seedOf(given: number | undefined): number {
  const seed = given ?? Number(process.env['BUSBAR_SEED'] ?? 1)
  if (Number.isSafeInteger(seed) && seed >= 0) return seed
  throw new BusbarError('CONFIG_INVALID', `a seed is a whole number from 0 on, got ${seed}`)
}
