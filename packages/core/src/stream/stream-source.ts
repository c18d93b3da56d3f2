import type { CloseOptions } from '../bus.js'
import type { EventContext } from '../context.js'
import { EventStream } from './event-stream.js'
import { Feed } from './feed.js'
import { RecordIterator } from './record-iterator.js'
import { type RecordPipeline, runPipeline } from './run-pipeline.js'

/** Handles the records of a stream until it is closed. */
export interface StreamSubscription {
  close(options?: CloseOptions): Promise<void>
}

/** Subscribes to what a stream is of. `handle` settles when the record is dealt with; `onEnd` is called when the bus closes. */
export type OpenStream<T> = (
  handle: (value: T, context: EventContext) => unknown,
  onEnd: () => void,
) => StreamSubscription

/** The events of a subscription as they come: an Observable, and an async iterable. */
export class RecordStream<T> extends EventStream<T> implements AsyncIterable<T> {
  readonly #open: OpenStream<T>

  constructor(name: string, open: OpenStream<T>) {
    const feed = new Feed<T>(name, each =>
      open(
        async (value, context) => {
          if (!each.emit(value)) await handBack(context)
        },
        () => each.end(),
      ),
    )
    super(feed as Feed<unknown>, feed.source)
    this.#open = open
  }

  /**
   * Takes part in the group while a `for await` runs. A record is acknowledged when the loop asks for the next one; that at
   * which the loop ends, by `break` or by an error, is handed back and comes again, since the two can't be told apart.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new RecordIterator<T>(this.#open)
  }
}

/** The stream of what a pipeline makes of each record. */
export function pipelineStream<T, R>(
  name: string,
  open: OpenStream<T>,
  pipeline: RecordPipeline<T, R>,
): EventStream<R> {
  const feed = new Feed<R>(name, each =>
    open(
      (value, context) => feedFrom(each, pipeline, value, context as EventContext<T>),
      () => each.end(),
    ),
  )
  return new EventStream(feed as Feed<unknown>, feed.source)
}

/** Resolves when the pipeline completes; rejects with its error, or with what the subscriber of its output threw. */
async function feedFrom<T, R>(
  feed: Feed<R>,
  pipeline: RecordPipeline<T, R>,
  value: T,
  context: EventContext<T>,
): Promise<void> {
  let isRefused = false
  await runPipeline(pipeline, value, context, (output, finish) => {
    if (feed.emit(output)) return
    isRefused = true
    finish()
  })
  if (isRefused) await handBack(context)
}

/** Nobody is there to take it any more. Rejects as soon as the subscription, which is being closed, gives up its records. */
function handBack(context: EventContext): Promise<void> {
  return context.waitFor(() => () => {})
}
