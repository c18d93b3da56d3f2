import { BusbarError } from './error.js'
import type { Logger } from './logger.js'
import type { Runtime } from './runtime.js'
import type { DeliveryBatch, Outcome } from './transport.js'

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

/** What becomes of a delivery that was queued and is not handled: it comes again, at the same attempt. */
export const untried: Outcome = { kind: 'nack', untried: true }

/** Resolves when `work` does or when the signal aborts, whichever is first. */
export async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) {
    // Nobody waits for it any more, but its failure must not end the process.
    work.catch(() => {})
    return
  }
  let stop = () => {}
  const aborted = new Promise<void>(resolve => {
    stop = resolve
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** How long leaving groups, or releasing connections, may take after handlers had their time, in milliseconds. */
export const leaveMs = 5_000

/** Resolves with whether `work` did within `ms`; rejects as it does. */
export async function doneWithin(runtime: Runtime, ms: number, work: Promise<void>): Promise<boolean> {
  const late = new AbortController()
  const timer = runtime.setTimer(ms, () => late.abort())
  try {
    await untilAborted(work, late.signal)
  } finally {
    timer.cancel()
  }
  return !late.signal.aborted
}

/**
 * Closes something: `drain` gets a signal that aborts after `timeoutMs`, and is waited for a while longer, since what
 * was cut short still has to leave in order. Resolves also when it never ends: nothing may keep a process from closing.
 */
export async function drainWithin(
  { runtime, logger }: { readonly runtime: Runtime; readonly logger: Logger },
  timeoutMs: number,
  what: string,
  drain: (deadline: AbortSignal) => Promise<void>,
): Promise<void> {
  const deadline = new AbortController()
  const reason = new BusbarError('ABORTED', `${what} was closed and this did not finish within ${timeoutMs} ms`)
  const timer = runtime.setTimer(timeoutMs, () => deadline.abort(reason))
  try {
    const isDone = await doneWithin(runtime, timeoutMs + leaveMs, drain(deadline.signal))
    if (!isDone) logger.error({ timeoutMs: timeoutMs + leaveMs }, `${what} did not end in time: it was given up`)
    else if (deadline.signal.aborted) logger.warn({ timeoutMs }, `${what} did not drain in time: unfinished records were handed back`)
  } finally {
    timer.cancel()
  }
}
