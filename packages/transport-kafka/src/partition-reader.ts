import {
  BusbarError,
  type InboundRecord,
  type Logger,
  type ReadSpec,
  type Receive,
  type Runtime,
  sleep,
  type TopicPartition,
  type TransportReader,
} from '@busbar/core'
import { hasKafkaErrorType, isFinal, kafkaError } from './kafka-error.js'
import type { Cluster } from './kafkajs-internals.js'
import { type LogRange, logRanges, partitionKey, readCommitted, readUncommitted } from './log-offsets.js'
import { type FetchLimits, PartitionFetcher } from './partition-fetch.js'
import { ReadPartition } from './read-partition.js'
import { readRound } from './read-round.js'
import type { SocketRegistry } from './socket-registry.js'
import { withTopicReason } from './topic-reason.js'

export interface PartitionReaderOptions {
  readonly spec: ReadSpec
  readonly receive: Receive
  /** The reader's own: brokers answer the requests of one connection one after the other. */
  readonly cluster: Cluster
  readonly sockets: SocketRegistry
  readonly runtime: Runtime
  readonly logger: Logger
  readonly limits: FetchLimits
}

/** So many times in a row a topic may seem to be missing: a leader that is being elected looks like that. */
const toleratedMissing = 20
const firstBackoffMs = 50
const maxBackoffMs = 2_000

/** Reads partitions without a group, each from its leader. */
export class PartitionReader implements TransportReader {
  readonly closed: Promise<void>
  readonly #options: PartitionReaderOptions
  readonly #fetcher: PartitionFetcher
  #partitions: ReadPartition[] = []
  readonly #stopped = new AbortController()
  #settleClosed: { resolve: () => void; reject: (error: BusbarError) => void } = {
    resolve: () => {},
    reject: () => {},
  }

  /** Reads nothing yet: see {@link open}. It can be disposed from the beginning on. */
  constructor(options: PartitionReaderOptions) {
    this.#options = options
    this.#fetcher = new PartitionFetcher(options.runtime)
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject }
    })
    this.closed.catch(() => {})
  }

  /** Fixes where reading starts, and begins. Rejects with a `BusbarError`, and is closed, where it can't or is disposed. */
  async open(): Promise<void> {
    const { topic } = this.#options.spec
    try {
      await this.#open()
      if (this.#stopped.signal.aborted) throw this.#closedError()
    } catch (error) {
      if (this.#stopped.signal.aborted) throw this.#closedError()
      await this[Symbol.asyncDispose]()
      throw kafkaError(error, { doing: `Reading topic ${topic}`, fallback: 'CONNECTION_FAILED' })
    }
    void this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    this.#settleClosed.resolve()
  }

  async #open(): Promise<void> {
    const { cluster, spec } = this.#options
    await cluster.connect()
    await withTopicReason(cluster, [spec.topic], () => cluster.addMultipleTargetTopics([spec.topic]))
    const existing = this.#existing()
    const wanted = spec.partitions?.map(partition => ({ topic: spec.topic, partition })) ?? existing
    const missing = wanted.find(({ partition }) => !existing.some(each => each.partition === partition))
    if (missing)
      throw new BusbarError('TOPIC_MISSING', `Topic ${spec.topic} has no partition ${missing.partition}`)
    const ranges = await logRanges(cluster, wanted, readCommitted, this.#options.runtime)
    this.#partitions = wanted.map(({ topic, partition }) => {
      const range = ranges.get(partitionKey(topic, partition))
      if (!range)
        throw new BusbarError('CONNECTION_FAILED', `Partition ${partition} of topic ${topic} has no leader`)
      return this.#partition(
        partition,
        startIn(range, spec.from, `${topic}/${partition}`),
        spec.until === 'end' ? range.end : undefined,
      )
    })
  }

  /** Reads until it is stopped, reaches the end, or fails for good. */
  async #run(): Promise<void> {
    const { logger, spec } = this.#options
    let failures = 0
    let missing = 0
    while (!this.#stopped.signal.aborted && !this.#finished()) {
      try {
        await this.#round(() => {
          failures = 0
          missing = 0
        })
      } catch (thrown) {
        if (this.#stopped.signal.aborted) break
        const error = kafkaError(thrown, {
          doing: `Reading topic ${spec.topic}`,
          fallback: 'CONNECTION_FAILED',
        })
        missing = error.code === 'TOPIC_MISSING' ? missing + 1 : 0
        if (isFinal(error) || missing > toleratedMissing) return this.#fail(error)
        logger.info(
          { topic: spec.topic, code: error.code, reason: error.message },
          'reading was interrupted; trying again',
        )
        await this.#recover(thrown, failures++).catch(() => {})
      }
    }
    this.#stop()
    this.#settleClosed.resolve()
  }

  async #round(onSuccess: () => void): Promise<void> {
    const { cluster, limits } = this.#options
    await readRound({
      cluster,
      limits,
      fetcher: this.#fetcher,
      partitions: this.#partitions.filter(partition => !partition.finished),
      signal: this.#stopped.signal,
      onAnswer: onSuccess,
      isOver: () => this.#addNew(),
    })
  }

  /** Partitions that were added to the topic are read from their beginning: all that is in them came later. */
  #addNew(): boolean {
    const { spec } = this.#options
    if (spec.partitions || spec.until === 'end') return false
    const known = new Set(this.#partitions.map(({ partition }) => partition))
    const added = this.#existing().filter(({ partition }) => !known.has(partition))
    for (const { partition } of added) this.#partitions.push(this.#partition(partition, 0, undefined))
    return added.length > 0
  }

  async #recover(error: unknown, failures: number): Promise<void> {
    const { cluster, runtime } = this.#options
    if (hasKafkaErrorType(error, 'OFFSET_OUT_OF_RANGE'))
      return this.#endIfOutOfRange((error as TopicPartition).partition)
    const { host, port } = error as { host?: unknown; port?: unknown }
    if (typeof host === 'string' && typeof port === 'number') cluster.removeBroker({ host, port })
    const backoffMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** failures) * (0.5 + runtime.random() / 2)
    await sleep(runtime, backoffMs, this.#stopped.signal)
    await cluster.refreshMetadata()
  }

  /** Ends the reader if what was to be read next is not in the log any more: it fell behind what the log keeps. */
  async #endIfOutOfRange(number: number): Promise<void> {
    const { cluster, spec, runtime } = this.#options
    const partition = this.#partitions.find(each => each.partition === number)
    if (!partition) return
    const name = partitionKey(spec.topic, number)
    const range = (await logRanges(cluster, [partition], readUncommitted, runtime)).get(name)
    const { position } = partition
    if (!range || (position >= range.start && position <= range.end)) return
    this.#fail(
      new BusbarError(
        'POSITION_OUT_OF_RANGE',
        `Reading ${name} without a group: position ${position} is no longer in the log, which has ${range.start} to ${range.end}; read again from where that is acceptable`,
      ),
    )
  }

  #partition(partition: number, position: number, end: number | undefined): ReadPartition {
    const { spec, receive, runtime } = this.#options
    const guarded = (records: readonly InboundRecord[]) =>
      this.#stopped.signal.aborted ? undefined : receive(records)
    return new ReadPartition({
      topic: spec.topic,
      partition,
      position,
      end,
      receive: guarded,
      runtime,
      onWelcome: () => this.#fetcher.wake(),
    })
  }

  #existing(): TopicPartition[] {
    const { cluster, spec } = this.#options
    return cluster
      .findTopicPartitionMetadata(spec.topic)
      .map(({ partitionId }) => ({ topic: spec.topic, partition: partitionId }))
  }

  #finished(): boolean {
    return this.#partitions.every(({ finished }) => finished)
  }

  #fail(error: BusbarError): void {
    this.#stop()
    this.#settleClosed.reject(error)
  }

  #closedError(): BusbarError {
    return new BusbarError('BUS_CLOSED', `The reader of topic ${this.#options.spec.topic} was closed`)
  }

  #stop(): void {
    const { cluster, sockets } = this.#options
    if (this.#stopped.signal.aborted) return
    this.#stopped.abort()
    this.#fetcher.wake()
    sockets.close(this.#closedError())
    void cluster.disconnect().catch(() => {})
  }
}

function startIn({ start, end }: LogRange, from: ReadSpec['from'], partition: string): number {
  if (from === 'earliest') return start
  if (from === 'latest') return end
  if (from >= start && from <= end) return from
  throw new BusbarError(
    'POSITION_OUT_OF_RANGE',
    `Partition ${partition} has positions ${start} to ${end}, not ${from}`,
  )
}
