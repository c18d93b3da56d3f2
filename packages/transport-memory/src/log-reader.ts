import { BusbarError, type ReadSpec, type Receive, type Runtime, type TransportReader } from '@busbar/core'
import { ByteArena } from './byte-arena.js'
import { DeferredTask } from './deferred-task.js'
import { labelOf } from './partition-label.js'
import { fetchLimits, type PartitionLog } from './partition-log.js'
import { Settled } from './settled.js'
import { inboundOf } from './stored-record.js'
import type { Topic } from './topic.js'

export interface LogReaderOptions {
  readonly topic: Topic
  readonly spec: ReadSpec
  readonly receive: Receive
  readonly runtime: Runtime
  /** Called once when this reader is done or closed. */
  readonly onEnd: (reader: LogReader) => void
}

/** Reads partitions without a group. */
export class LogReader implements TransportReader {
  readonly #options: LogReaderOptions
  readonly #arena = new ByteArena()
  readonly #closed = new Settled()
  readonly #unwatch: (() => void)[] = []
  /** Partitions that have not reached their end. */
  #open = 0
  #ended = false

  /** Fixes the starting positions. Throws `TOPIC_MISSING` or `POSITION_OUT_OF_RANGE`. */
  constructor(options: LogReaderOptions) {
    this.#options = options
    const { topic, spec, runtime } = options
    const logs = spec.partitions
      ? [...new Set(spec.partitions)].map(partition => topic.log(partition))
      : topic.logs
    const starts = logs.map(log => ({ log, start: startOf(log, spec.from) }))
    for (const { log, start } of starts) this.#follow(log, start)
    if (this.#open === 0 && spec.until === 'end') runtime.defer(() => this.#finish())
    if (!spec.partitions && spec.until === undefined) this.#followGrowth(topic)
  }

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish()
  }

  /** Falls silent, as in a killed process. */
  crash(): void {
    this.#fail(new BusbarError('CONSUMER_CRASHED', `a reader of topic '${this.#options.topic.name}' crashed`))
  }

  /** Partitions that come later are read from their first record. */
  #followGrowth(topic: Topic): void {
    let known = topic.logs.length
    this.#unwatch.push(
      topic.watch(() => {
        for (const log of topic.logs.slice(known)) this.#follow(log, log.start)
        known = topic.logs.length
      }),
    )
  }

  #follow(log: PartitionLog, start: number): void {
    const { runtime, receive, spec } = this.#options
    const end = spec.until === 'end' ? log.end : Number.POSITIVE_INFINITY
    if (start >= end) return
    this.#open += 1
    let next = start
    let isReceiving = false
    const fetching = new DeferredTask(runtime, () => void fetch())
    const fetch = async (): Promise<void> => {
      if (this.#ended || isReceiving || next >= end) return
      log.expire(runtime.now())
      if (next < log.start) return this.#fail(lostError(log, next))
      const stored = log.read(next, fetchLimits.records).filter(record => record.offset < end)
      next = stored.length > 0 ? (stored.at(-1)?.offset ?? next) + 1 : log.end
      if (stored.length > 0) {
        isReceiving = true
        try {
          await receive(stored.map(record => inboundOf(record, log, this.#arena)))
        } catch (thrown) {
          return this.#fail(BusbarError.from(thrown, 'INTERNAL', `receiving records of ${labelOf(log)}`))
        }
        isReceiving = false
      }
      if (next >= end) this.#reached()
      else if (next < log.end) fetching.schedule()
    }
    this.#unwatch.push(log.watch(() => fetching.schedule()))
    fetching.schedule()
  }

  #reached(): void {
    this.#open -= 1
    if (this.#open === 0) this.#finish()
  }

  #finish(): void {
    this.#end()
    this.#closed.resolve()
  }

  #fail(error: BusbarError): void {
    this.#end()
    this.#closed.reject(error)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    for (const unwatch of this.#unwatch) unwatch()
    this.#options.onEnd(this)
  }
}

function startOf(log: PartitionLog, from: 'earliest' | 'latest' | number): number {
  if (from === 'earliest') return log.start
  if (from === 'latest') return log.end
  if (from >= log.start && from <= log.end) return from
  throw lostError(log, from)
}

function lostError(log: PartitionLog, position: number): BusbarError {
  const message = `cannot read ${labelOf(log)} from ${position}: it has ${log.start} to ${log.end}`
  return new BusbarError('POSITION_OUT_OF_RANGE', message)
}
