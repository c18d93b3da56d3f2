import { AsyncResource } from 'node:async_hooks'
import type { DeliveryContext } from './context.js'
import { BusbarError } from './error.js'
import { laneKeyOf } from './partition-session.js'
import type { InboundRecord } from './transport.js'

/**
 * Gathers the records of one batch at the innermost point of their onions, so that each record keeps middleware and an
 * outcome of its own while the handler gets them together: the handler runs when every unfinished onion waits here, or
 * elsewhere for something that may take long. A record that is not finished yet holds back what its key has behind it,
 * unless the handler gets them together.
 */
export class BatchCollector {
  #unfinished: number
  /** Onions that wait elsewhere: for a retry, for room, for another delivery. */
  #away = 0
  #waiting: Waiting[] = []
  /** By key, in order: records whose onions have not ended. */
  readonly #lanes = new Map<string, InboundRecord[]>()
  /** The handler runs in the asynchronous context of a record, not of whichever onion happened to end. */
  #scope: AsyncResource | undefined
  /** The call of the handler that got a record last. */
  readonly #lastCalls = new Map<InboundRecord, symbol>()
  /** The same, without the records that it has failed. */
  readonly #calls = new Map<InboundRecord, symbol>()
  /** What ends a record if the call that it is in fails it. */
  readonly #endOnFailure = new Map<InboundRecord, () => void>()
  readonly #handle: (records: readonly WaitingRecord[]) => Promise<void>

  /** @param size how many onions were started. */
  constructor(size: number, handle: (records: readonly WaitingRecord[]) => Promise<void>) {
    this.#unfinished = size
    this.#handle = handle
  }

  /** Announces a record, in the order of the log. */
  expect(record: InboundRecord): void {
    if (record.key === null) return
    const key = laneKeyOf(record.key)
    const lane = this.#lanes.get(key)
    if (lane) lane.push(record)
    else this.#lanes.set(key, [record])
  }

  /** Joins the batch; resolves or rejects with this record's own outcome. */
  join(context: DeliveryContext): Promise<void> {
    if (this.#waiting.length === 0) this.#scope = new AsyncResource('busbar.batch')
    this.#forget(context.record)
    // Whoever comes again has failed its call, in the handler or outside of it.
    this.#failed(context.record)
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Waiting(context, resolve, reject, () => this.#failed(context.record)))
      this.#runIfComplete()
    })
  }

  /**
   * Ends what its key has behind a record that is handed back. What the handler got together with it is the handler's to
   * settle: it ends only if it fails as well.
   */
  endBehind(handedBack: InboundRecord, behind: InboundRecord, end: () => void): void {
    const call = this.#lastCalls.get(handedBack)
    if (call !== undefined && this.#calls.get(behind) === call) this.#endOnFailure.set(behind, end)
    else end()
  }

  /** One onion waits elsewhere: the others need not wait for it. */
  leave(): void {
    this.#away += 1
    this.#runIfComplete()
  }

  /** It goes on. */
  enter(): void {
    this.#away -= 1
  }

  /** One onion has ended. */
  left(record?: InboundRecord): void {
    this.#unfinished -= 1
    if (record && record.key !== null) {
      const lane = this.#lanes.get(laneKeyOf(record.key))
      if (lane?.includes(record)) lane.splice(lane.indexOf(record), 1)
    }
    if (record) this.#forget(record)
    this.#runIfComplete()
  }

  #failed(record: InboundRecord): void {
    this.#calls.delete(record)
    this.#endOnFailure.get(record)?.()
  }

  /** A record whose middleware gave up on it while it waited here is not to be handled. */
  #forget(record: InboundRecord): void {
    const index = this.#waiting.findIndex(waiting => waiting.context.record === record)
    if (index >= 0) this.#waiting.splice(index, 1)
  }

  #runIfComplete(): void {
    if (this.#waiting.length === 0 || this.#waiting.length < this.#unfinished - this.#away) return
    const inOrder = this.#waiting.sort((one, other) => one.context.offset - other.context.offset)
    const ready: Waiting[] = []
    const chosen = new Set<InboundRecord>()
    this.#waiting = []
    for (const waiting of inOrder) {
      const { record } = waiting.context
      if (this.#mayRun(record, chosen)) {
        chosen.add(record)
        ready.push(waiting)
      } else this.#waiting.push(waiting)
    }
    // The partition may have moved away meanwhile, or a record before one of these come again: nothing of that is started.
    const records = ready.filter(({ context }) => !context.ended)
    for (const each of ready) if (each.context.ended) each.fail(notStarted)
    if (records.length === 0) return
    const call = Symbol('call')
    for (const { context } of records) {
      this.#calls.set(context.record, call)
      this.#lastCalls.set(context.record, call)
      context.onStart?.()
    }
    const scope = this.#scope
    if (this.#waiting.length === 0) this.#scope = undefined
    const handled = scope ? scope.runInAsyncScope(this.#handle, undefined, records) : this.#handle(records)
    handled.then(
      () => {
        for (const record of records) record.done()
      },
      thrown => {
        for (const record of records) record.fail(thrown)
      },
    )
  }

  /** Whether everything of the record's key before it is finished, or handled together with it. */
  #mayRun(record: InboundRecord, chosen: ReadonlySet<InboundRecord>): boolean {
    const lane = record.key === null ? undefined : this.#lanes.get(laneKeyOf(record.key))
    const place = lane?.indexOf(record) ?? -1
    return place < 0 || (lane ?? []).slice(0, place).every(before => chosen.has(before))
  }
}

const notStarted = new BusbarError(
  'ABORTED',
  'not handled with its batch: its partition moved away, the bus is closing, or its key comes again',
)

/** A record whose onion waits for its outcome. The first settlement wins. */
export interface WaitingRecord {
  readonly context: DeliveryContext
  done(): void
  fail(thrown: unknown): void
}

class Waiting implements WaitingRecord {
  readonly context: DeliveryContext
  readonly #resolve: () => void
  readonly #reject: (reason: unknown) => void
  readonly #onFailure: () => void
  #isDone = false

  constructor(
    context: DeliveryContext,
    resolve: () => void,
    reject: (reason: unknown) => void,
    onFailure: () => void,
  ) {
    this.context = context
    this.#onFailure = onFailure
    this.#resolve = resolve
    this.#reject = reject
  }

  done(): void {
    this.#isDone = true
    this.#resolve()
  }

  fail(thrown: unknown): void {
    if (this.#isDone) return
    this.#onFailure()
    this.#reject(
      thrown ?? new BusbarError('HANDLER_FAILED', 'the batch handler failed this record without a reason'),
    )
  }
}
