import type { DeliveryBatch } from './transport.js'

/** What runs the deliveries of a group: the lane runner, or the batch runner of a topic. */
export interface Runner {
  /** Deliveries whose handlers run now. */
  readonly running: number
  /** Takes a batch; resolves when more of its partition is welcome. */
  deliver(batch: DeliveryBatch): Promise<void>
  /**
   * Starts nothing more, hands back what is queued, and resolves when what runs is done. When `deadline` aborts first,
   * the contexts of what still runs abort and it is handed back as well.
   */
  drain(deadline: AbortSignal): Promise<void>
}

/** What a running delivery asks of its runner. */
export interface DeliverySlot {
  /** Signals that end it: its partition's, and the drain deadline's. */
  readonly ends: readonly AbortSignal[]
  /** Aborts as soon as the runner drains: what only waits for a later attempt gives up then. */
  readonly draining: AbortSignal
  /** How many subscriptions handle it. */
  enlist(subscriptions: number): void
  /** One of them has ended. */
  retire(): void
  /** One of them only waits: when all do, others may run in its place. */
  leave(): void
  /** It goes on; resolves when there is room again. */
  enter(): Promise<void> | undefined
}

/** Resolves when `work` does or when the signal aborts, whichever is first. */
export async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  let stop = () => {}
  const aborted = new Promise<void>(resolve => {
    stop = resolve
    signal.addEventListener('abort', stop, { once: true })
  })
  await Promise.race([work, aborted])
  signal.removeEventListener('abort', stop)
}
