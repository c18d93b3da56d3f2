import { type Delivery, type InboundRecord, laneKeyOf, type Outcome } from '@busbar/core'
import type { Ownership, TestObserver } from '@busbar/core/testing'
import type { Violations } from './violations.js'

/** What is known of one ownership of one partition. */
export interface Owned extends Ownership {
  /** Delivered and not acknowledged, by offset. */
  readonly unfinished: Map<number, InboundRecord>
  /** Records whose handlers run, with how many. */
  readonly running: Map<InboundRecord, number>
}

/**
 * Watches the border between transport and bus. Promises: **no early commit**, **one outcome** of each delivery,
 * **bounded** partitions.
 */
export class DeliveryOracle {
  readonly #violations: Violations
  readonly #owned = new Map<AbortSignal, Owned>()
  readonly #owners = new WeakMap<InboundRecord, Owned>()
  readonly #settled = new WeakSet<Delivery>()
  readonly #open = new Map<Delivery, Owned>()
  /** By group and partition. */
  readonly #acknowledged = new Map<string, Set<number>>()
  readonly #committed = new Map<string, number>()
  readonly #trace: (line: string) => void

  constructor(violations: Violations, trace: (line: string) => void) {
    this.#violations = violations
    this.#trace = trace
  }

  /** The ownership under which a record was delivered. */
  ownerOf(record: InboundRecord): Owned | undefined {
    return this.#owners.get(record)
  }

  get observer(): TestObserver {
    return {
      delivered: (ownership, delivery) => this.#delivered(ownership, delivery),
      settled: (ownership, delivery, outcome, counted) => this.#settle(ownership, delivery, outcome, counted),
      committed: ({ group, positions }, lost) => {
        for (const { topic, partition, position } of positions) {
          this.#trace(`commit ${group} ${topic}/${partition} ${position}${lost ? ' lost' : ''}`)
          this.#checkCommit(`${group} ${topic}/${partition}`, position, lost)
        }
      },
    }
  }

  /** To be asked when everything is over: what was neither settled nor revoked? */
  finish(isAlive: (bus: string) => boolean): void {
    for (const [delivery, { signal, bus, group }] of this.#open) {
      if (signal.aborted || !isAlive(bus)) continue
      this.#violations.add('one outcome', `${placeOf(delivery.record)} was never settled in ${group}`)
    }
  }

  #delivered(ownership: Ownership, delivery: Delivery): void {
    const { record } = delivery
    let owned = this.#owned.get(ownership.signal)
    if (!owned) {
      owned = { ...ownership, unfinished: new Map(), running: new Map() }
      this.#owned.set(ownership.signal, owned)
    }
    this.#trace(`deliver ${ownership.group} ${placeOf(record)} ${delivery.attempt}`)
    this.#owners.set(record, owned)
    this.#open.set(delivery, owned)
    owned.unfinished.set(record.offset, record)
    const { group, maxInFlight, signal } = ownership
    if (signal.aborted)
      this.#violations.add('key order', `${placeOf(record)} came to ${group} after its revocation`)
    if (owned.unfinished.size > maxInFlight) {
      this.#violations.add(
        'bounded',
        `${group} has ${owned.unfinished.size} records of a partition, limit ${maxInFlight}`,
      )
    }
  }

  #settle(ownership: Ownership, delivery: Delivery, outcome: Outcome, counted: boolean): void {
    const { group, signal } = ownership
    const { record } = delivery
    this.#trace(`settle ${group} ${placeOf(record)} ${outcome.kind} ${counted}`)
    this.#open.delete(delivery)
    if (!counted) {
      if (signal.aborted || this.#settled.has(delivery)) return
      this.#violations.add('one outcome', `the settlement of ${placeOf(record)} in ${group} did not count`)
      return
    }
    if (this.#settled.has(delivery)) {
      this.#violations.add('one outcome', `two settlements of ${placeOf(record)} in ${group} counted`)
    }
    this.#settled.add(delivery)
    if (outcome.kind !== 'ack') return
    this.#owned.get(signal)?.unfinished.delete(record.offset)
    this.#acknowledgedIn(`${group} ${record.topic}/${record.partition}`).add(record.offset)
  }

  #checkCommit(place: string, position: number, lost: boolean): void {
    const before = this.#committed.get(place) ?? 0
    if (position < before)
      this.#violations.add('no early commit', `${place} went back from ${before} to ${position}`)
    const acknowledged = this.#acknowledgedIn(place)
    for (let offset = before; offset < position; offset += 1) {
      if (!acknowledged.has(offset)) {
        this.#violations.add(
          'no early commit',
          `${place} committed ${position}, and ${offset} is not finished`,
        )
      }
    }
    if (!lost) this.#committed.set(place, position)
  }

  #acknowledgedIn(place: string): Set<number> {
    const known = this.#acknowledged.get(place) ?? new Set()
    this.#acknowledged.set(place, known)
    return known
  }
}

export const placeOf = ({ topic, partition, offset }: InboundRecord): string =>
  `${topic}/${partition}@${offset}`

export const keyOf = ({ key }: InboundRecord): string | undefined =>
  key === null ? undefined : laneKeyOf(key)
