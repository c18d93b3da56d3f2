import type { DeliveryReport } from '../consume.js'
import { reasonOf } from '../error.js'
import type { Activities } from './activities.js'
import { TestBusError } from './test-bus-error.js'
import type { VirtualClock } from './virtual-clock.js'

export interface TrackOptions {
  /** Whether deliveries may fail: then read `deadLetters` and `handled`. Default: false, it rejects with the first failure. */
  readonly tolerateFailures?: boolean
  /** Moves the clock, at most so far, until every group has finished everything: retries and delays included. Default: 0. */
  readonly advanceMs?: number
}

interface Tracked {
  readonly seed: number
  readonly clock: VirtualClock
  readonly activities: Activities
  /** Every failure so far. */
  readonly failed: readonly DeliveryReport[]
  readonly isDrained: () => boolean
}

type End<T> = { readonly value: T } | { readonly thrown: unknown }

/** Runs a function until it and everything that it caused is done. */
export async function track<T>(
  test: Tracked,
  work: () => T | PromiseLike<T>,
  options: TrackOptions,
): Promise<T> {
  const { seed, clock, activities, failed } = test
  const firstFailure = failed.length
  let end: End<T> | undefined
  void activities.run(ownLabel, undefined, work).then(
    value => {
      end = { value }
    },
    (thrown: unknown) => {
      end = { thrown }
    },
  )
  const isDone = () => end !== undefined && test.isDrained()
  if (options.advanceMs === undefined) await clock.settle()
  else await clock.advanceUntil(isDone, options.advanceMs)
  if (end === undefined) {
    throw new TestBusError(
      seed,
      `${ownLabel} waits for the virtual clock: move it (option advanceMs, or clock.advance beside it), or don't wait in it`,
    )
  }
  if ('thrown' in end) throw TestBusError.from(seed, end.thrown)
  const failures = failed.slice(firstFailure)
  if (failures.length > 0 && options.tolerateFailures !== true) throw failureOf(seed, failures)
  return end.value
}

const ownLabel = 'the function given to track'

function failureOf(seed: number, failures: readonly DeliveryReport[]): TestBusError {
  const [first] = failures as readonly [DeliveryReport, ...DeliveryReport[]]
  const others = failures.length === 1 ? '' : `, and ${failures.length - 1} more`
  const message = `${first.subscription} failed with ${first.event} ${first.id}, ${first.outcome} at attempt ${first.attempt}: ${reasonOf(first.error)}${others}`
  return new TestBusError(
    seed,
    message,
    failures.map(({ error }) => error),
  )
}
