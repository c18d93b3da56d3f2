import type { Bus, DeliveryReport, EventContext, InboundRecord } from '@busbar/core'
import { type DeliveryOracle, keyOf, type Owned, placeOf } from './delivery-oracle.js'
import type { Violations } from './violations.js'

/** What handlers need to be watched. */
export interface HandlerRun {
  readonly bus: Bus
  readonly context: EventContext
  /** The records that the same call got, for a batch handler. */
  readonly batch?: readonly InboundRecord[]
}

interface Limits {
  readonly concurrency: number
  readonly now: () => number
}

/**
 * Watches handlers. Promises: **key order** within an ownership, nothing started after a revocation, **bounded**
 * concurrency, one handler at a time for an idempotency key, nothing before it is due, records that come back only for the
 * subscription that failed; and **one outcome**: each run of a subscription is reported once.
 */
export class HandlerOracle {
  readonly #violations: Violations
  readonly #deliveries: DeliveryOracle
  readonly #limits: Limits
  /** Records being handled, by bus and group. */
  readonly #running = new Map<Bus, Map<string, Set<InboundRecord>>>()
  readonly #idempotent = new Map<string, Bus>()
  /** Subscriptions that have begun with a record and have not reported, by bus. */
  readonly #begun = new Map<Bus, Map<string, InboundRecord[]>>()
  /** The subscriptions that are through with a record, as this ownership delivered it. */
  readonly #through = new WeakMap<InboundRecord, Set<string>>()

  constructor(violations: Violations, deliveries: DeliveryOracle, limits: Limits) {
    this.#violations = violations
    this.#deliveries = deliveries
    this.#limits = limits
  }

  /** A subscription has begun with a delivery. */
  begin(bus: Bus, { subscription, record }: Pick<EventContext, 'subscription' | 'record'>): void {
    const run = `${subscription} ${placeOf(record)}`
    if (this.#through.get(record)?.has(subscription)) {
      this.#violations.add('one failing handler', `${run} came again although it was through`)
    }
    const begun = this.#begun.get(bus) ?? new Map<string, InboundRecord[]>()
    this.#begun.set(bus, begun)
    begun.set(run, [...(begun.get(run) ?? []), record])
  }

  /** It has reported what became of it. */
  report(bus: Bus, { subscription, topic, partition, offset, outcome }: DeliveryReport): void {
    const run = `${subscription} ${topic}/${partition}@${offset}`
    const open = this.#begun.get(bus)?.get(run) ?? []
    // The same place may be held anew while a handler of an earlier ownership still runs: which of them reports can't be
    // told, and the earlier one is handed back.
    const record = outcome === 'handed back' ? open.shift() : open.pop()
    if (!record) {
      this.#violations.add('one outcome', `${run} was reported twice`)
      return
    }
    if (open.length === 0) this.#begun.get(bus)?.delete(run)
    if (outcome === 'handed back') return
    this.#through.set(record, (this.#through.get(record) ?? new Set()).add(subscription))
  }

  /** To be asked when everything is over, of each bus that has not crashed. */
  finish(bus: Bus): void {
    for (const run of this.#begun.get(bus)?.keys() ?? [])
      this.#violations.add('one outcome', `${run} was never reported`)
  }

  /** A handler starts. Returns what to call when it has ended. */
  start({ bus, context, batch }: HandlerRun): () => void {
    const { record } = context
    const owned = this.#deliveries.ownerOf(record)
    if (owned) this.#checkOrder(owned, context, batch)
    this.#checkReturn(context)
    const count = owned?.running.get(record) ?? 0
    owned?.running.set(record, count + 1)
    const inGroup = this.#runningIn(bus, String(context.group))
    inGroup.add(record)
    if (!batch && inGroup.size > this.#limits.concurrency) {
      this.#violations.add('bounded', `${inGroup.size} records are handled at a time in ${context.group}`)
    }
    return () => {
      const left = (owned?.running.get(record) ?? 1) - 1
      if (left > 0) owned?.running.set(record, left)
      else {
        owned?.running.delete(record)
        inGroup.delete(record)
      }
    }
  }

  /** A handler under an idempotency mark starts. Returns what to call when it has ended. */
  startOnce(bus: Bus, key: string, isAlive: (bus: Bus) => boolean): () => void {
    const other = this.#idempotent.get(key)
    if (other && isAlive(other))
      this.#violations.add('one effect', `${key} is handled twice at the same time`)
    this.#idempotent.set(key, bus)
    return () => {
      if (this.#idempotent.get(key) === bus) this.#idempotent.delete(key)
    }
  }

  #checkOrder(owned: Owned, context: EventContext, batch: readonly InboundRecord[] = []): void {
    const { record } = context
    const what = `${context.subscription} began with ${placeOf(record)}`
    if (owned.signal.aborted) this.#violations.add('key order', `${what} after the partition had moved away`)
    const key = keyOf(record)
    if (key === undefined) return
    for (const [offset, other] of owned.unfinished) {
      if (offset >= record.offset || keyOf(other) !== key || batch.includes(other)) continue
      // A batch settles as a whole: what has ended in it is over.
      if (batch.length === 0 || !this.#through.get(other)?.has(context.subscription)) {
        this.#violations.add('key order', `${what} before ${placeOf(other)} of its key was finished`)
      }
    }
    for (const other of owned.running.keys()) {
      if (other !== record && keyOf(other) === key && !batch.includes(other)) {
        this.#violations.add('key order', `${what} while ${placeOf(other)} of its key ran`)
      }
    }
  }

  #checkReturn(context: EventContext): void {
    const { record, headers, subscription, group, origin } = context
    if (record.topic === origin.topic) return
    const [forGroup, forSubscription] = [headers.get('busbar-group'), headers.get('busbar-subscription')]
    if (forGroup !== group || forSubscription !== subscription) {
      const what = `${placeOf(record)} of ${forSubscription} in ${forGroup} came to ${subscription} in ${group}`
      this.#violations.add('one failing handler', what)
    }
    const dueAtMs = Number(headers.get('busbar-due-at') ?? 0)
    if (dueAtMs > this.#limits.now())
      this.#violations.add('due time', `${placeOf(record)} came back too early`)
  }

  #runningIn(bus: Bus, group: string): Set<InboundRecord> {
    const groups = this.#running.get(bus) ?? new Map<string, Set<InboundRecord>>()
    this.#running.set(bus, groups)
    const running = groups.get(group) ?? new Set<InboundRecord>()
    groups.set(group, running)
    return running
  }
}
