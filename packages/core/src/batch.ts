import type { WaitingRecord } from './batch-collector.js'
import { compose } from './compose.js'
import type { BatchContext, EventContext } from './context.js'
import { layersOf, type Middleware } from './middleware.js'

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

/** Adapts a user's batch handler, with the middleware around it, to what the collector calls. */
export function batchHandle(
  handler: BatchHandler<unknown>,
  middleware: () => readonly Middleware[],
): (records: readonly WaitingRecord[]) => Promise<void> {
  let layered: ((batch: RunningBatch) => Promise<void>) | undefined
  return async records => {
    // At the first batch: until the start, middleware can be added.
    layered ??= compose<RunningBatch>(layersOf('batch', middleware()), batch => batch.run())
    await layered({
      ...placeOf(records),
      records: records.map(({ context }) => context),
      run: async () =>
        void (await handler(
          records.map(record => ({
            payload: record.context.payload,
            context: record.context,
            done: () => record.done(),
            fail: error => record.fail(error),
          })),
        )),
    })
  }
}

type RunningBatch = BatchContext & { readonly run: () => Promise<void> }

/** All of them are of one subscription and one partition. */
function placeOf(records: readonly WaitingRecord[]): Omit<BatchContext, 'records'> {
  const { event, group, subscription, topic, partition } = (records[0] as WaitingRecord).context
  return { event, group, subscription, topic, partition }
}
