import type { CloseOptions } from '../bus.js'
import type { EventContext } from '../context.js'
import { EventStream } from './event-stream.js'
import { Feed } from './feed.js'
import type { GroupedStream } from './grouped-stream.js'
import { handBack } from './hand-back.js'
import type { KeyedStream } from './keyed-stream.js'
import { RecordIterator } from './record-iterator.js'
import type { RepartitionOptions } from './repartition.js'
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
  readonly #makeKeyed: () => KeyedStream<T>
  #keyed: KeyedStream<T> | undefined

  constructor(name: string, open: OpenStream<T>, makeKeyed: () => KeyedStream<T>) {
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
    this.#makeKeyed = makeKeyed
  }

  /**
   * The same events for operators that keep a state: counts, windows, joins. They run from the bus's start on, whether or not
   * anybody subscribes, and must be declared before it; what a record leads to is committed with it, once. Their group
   * has no other subscriptions, and no middleware runs in it. An operator that throws is tried again, and then its
   * record becomes a dead letter.
   * @throws BusbarError `CONFIG_INVALID` for a stream of several events, without a group, after the start, or with an option
   * that has no meaning here: `use`, `name`, `concurrency`, `maxInFlight`, `onFailure`.
   */
  keyed(): KeyedStream<T> {
    this.#keyed ??= this.#makeKeyed()
    return this.#keyed
  }

  /** See {@link KeyedStream.groupByKey}. */
  groupByKey(): GroupedStream<T> {
    return this.keyed().groupByKey()
  }

  /** See {@link KeyedStream.groupBy}. */
  groupBy(key: (value: T) => string | Uint8Array, options: RepartitionOptions<T>): GroupedStream<T> {
    return this.keyed().groupBy(key, options)
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
