import type { DeliveryContext } from './context.js'
import { BusbarError } from './error.js'

/**
 * Gathers the records of one batch at the innermost point of their onions, so that each record keeps middleware and an
 * outcome of its own while the handler gets them together: the handler runs when every unfinished onion waits here.
 */
export class BatchCollector {
  #unfinished: number
  #waiting: Waiting[] = []
  readonly #handle: (contexts: readonly WaitingRecord[]) => Promise<void>

  /** @param size how many onions were started. */
  constructor(size: number, handle: (records: readonly WaitingRecord[]) => Promise<void>) {
    this.#unfinished = size
    this.#handle = handle
  }

  /** Joins the batch; resolves or rejects with this record's own outcome. */
  join(context: DeliveryContext): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Waiting(context, resolve, reject))
      this.#runIfComplete()
    })
  }

  /** One onion has ended. */
  left(): void {
    this.#unfinished -= 1
    this.#runIfComplete()
  }

  #runIfComplete(): void {
    if (this.#waiting.length === 0 || this.#waiting.length < this.#unfinished) return
    const records = this.#waiting
    this.#waiting = []
    // The others may have left because the partition moved away: then nothing more is started.
    if (records.some(({ context }) => context.ended)) {
      const error = new BusbarError('ABORTED', 'the batch was not handled: its partition moved away, or the bus is closing')
      for (const record of records) record.fail(error)
      return
    }
    this.#handle(records).then(
      () => {
        for (const record of records) record.done()
      },
      thrown => {
        for (const record of records) record.fail(thrown)
      },
    )
  }
}

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

  constructor(context: DeliveryContext, resolve: () => void, reject: (reason: unknown) => void) {
    this.context = context
    this.#resolve = resolve
    this.#reject = reject
  }

  done(): void {
    this.#resolve()
  }

  fail(thrown: unknown): void {
    this.#reject(thrown ?? new BusbarError('HANDLER_FAILED', 'the batch handler failed this record without a reason'))
  }
}
