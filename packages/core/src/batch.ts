import type { WaitingRecord } from './batch-collector.js'
import type { EventContext } from './context.js'

/** One record of a batch, and how to say what became of it. The first settlement wins. */
export interface BatchItem<Payload> {
  readonly payload: Payload
  readonly context: EventContext<Payload>
  /** This record is finished, whatever becomes of the rest. */
  readonly done: () => void
  /** This record failed: it alone comes again. */
  readonly fail: (error: unknown) => void
}

/** Handles a batch of one partition, in the order of the log. Records that it settles neither way are done when it returns and failed when it throws. */
export type BatchHandler<Payload> = (batch: readonly BatchItem<Payload>[]) => unknown

/** Adapts a user's batch handler to what the collector calls. */
export function batchHandle(
  handler: BatchHandler<unknown>,
): (records: readonly WaitingRecord[]) => Promise<void> {
  return async records => {
    await handler(
      records.map(record => ({
        payload: record.context.payload,
        context: record.context,
        done: () => record.done(),
        fail: error => record.fail(error),
      })),
    )
  }
}
