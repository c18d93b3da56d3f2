import { BusbarError, type OutboundRecord, type RecordPosition } from '@busbar/core'
import { type Codec, loadCodec } from '../compression.js'
import { contentSizeOf, singleBatchSize } from '../record-batch.js'
import { BrokerLinks } from './broker-links.js'
import { ControlLink } from './control-link.js'
import { DeadlineSweep, failRecord } from './deadline-sweep.js'
import type { PartitionQueue } from './partition-queue.js'
import { PartitionRouter } from './partition-router.js'
import { ProducerIds } from './producer-identity.js'
import { backoffMs, type ProducerOptions, type ProducerSettings, settingsOf } from './producer-options.js'
import { type CallGroup, PublishCall } from './publish-call.js'
import type { RecordSender } from './record-sender.js'
import { SendBuffer } from './send-buffer.js'
import type { Topic } from './topic.js'
import { TopicDirectory } from './topic-directory.js'

/**
 * A producer over kafkajs's connections with sequences, retries and results per partition of its own. It connects with
 * the first records.
 *
 * @throws BusbarError `CONFIG_INVALID` for an option out of range or a compression whose package is missing.
 */
export async function createProducer(options: ProducerOptions): Promise<RecordSender> {
  const settings = settingsOf(options)
  return new Producer(options, settings, await loadCodec(options.compression ?? 'none'))
}

/** How long what was accepted may take once the producer is closed: whoever closes has not forever. */
const closeMs = 4_000

class Producer implements RecordSender {
  readonly #settings: ProducerSettings
  readonly #codec: Codec | undefined
  readonly #control: ControlLink
  readonly #links: BrokerLinks
  readonly #directory: TopicDirectory
  readonly #buffer: SendBuffer
  readonly #router: PartitionRouter
  readonly #deadlines: DeadlineSweep
  #group: CallGroup = { open: 0, onEmpty: undefined }
  #flushed: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor({ cluster }: ProducerOptions, settings: ProducerSettings, codec: Codec | undefined) {
    const { runtime, controlTimeoutMs, requestTimeoutMs, maxBufferedBytes, maxBufferedRecords } = settings
    this.#settings = settings
    this.#codec = codec
    this.#control = new ControlLink(cluster, runtime, controlTimeoutMs)
    this.#links = new BrokerLinks(cluster, runtime, controlTimeoutMs, requestTimeoutMs)
    const limits = { maxRecords: maxBufferedRecords, maxBytes: maxBufferedBytes }
    const buffer = new SendBuffer(limits, call => this.#admit(call))
    const directory = new TopicDirectory({
      control: this.#control,
      links: this.#links,
      settings,
      onMoved: (queue, from) => this.#router.moved(queue, from),
    })
    this.#buffer = buffer
    this.#directory = directory
    const ids = new ProducerIds(this.#control)
    this.#router = new PartitionRouter({ settings, codec, links: this.#links, ids, directory, buffer })
    this.#deadlines = new DeadlineSweep({ settings, buffer, directory, router: this.#router })
  }

  send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]> {
    if (this.#closed) return Promise.reject(new BusbarError('BUS_CLOSED', 'The producer was closed'))
    if (records.length === 0) return Promise.resolve([])
    const sizes: number[] = []
    for (const record of records) {
      const size = sizeOrNaN(record)
      if (!(size > 0 && Number.isSafeInteger(record.timestampMs) && record.timestampMs >= 0)) {
        return Promise.reject(malformed(record, sizes.length))
      }
      sizes.push(size)
    }
    const call = new PublishCall(
      records,
      sizes,
      this.#settings.clock() + this.#settings.publishTimeoutMs,
      this.#group,
    )
    this.#buffer.add(call)
    this.#deadlines.start()
    return call.promise
  }

  flush(): Promise<void> {
    this.#router.hurry()
    const group = this.#group
    if (group.open === 0) return this.#flushed
    this.#group = { open: 0, onEmpty: undefined }
    const previous = this.#flushed
    this.#flushed = new Promise<void>(resolve => {
      group.onEmpty = resolve
    }).then(() => previous)
    return this.#flushed
  }

  close(): Promise<void> {
    if (!this.#closed) this.#deadlines.endWithin(closeMs)
    this.#closed ??= this.flush().then(() => {
      this.#links.close()
      this.#control.close()
    })
    return this.#closed
  }

  /** Hands a call's records to their partitions, or to their topic as long as that has none. */
  #admit(call: PublishCall): void {
    const { records } = call
    for (let slot = 0; slot < records.length; slot++) {
      const topic = this.#directory.get((records[slot] as OutboundRecord).topic)
      // Those that have waited go first.
      if (topic.loaded && topic.waiting.length === 0) this.#place(topic, call, slot)
      else if (topic.waiting.push({ call, slot }) === 1) this.#load(topic)
    }
  }

  #place(topic: Topic, call: PublishCall, slot: number): void {
    const record = call.records[slot] as OutboundRecord
    const size = call.sizes[slot] as number
    if (!this.#codec && singleBatchSize(size) > topic.maxMessageBytes) {
      failRecord(this.#buffer, call, slot, tooLarge(topic, singleBatchSize(size)))
      return
    }
    let queue: PartitionQueue
    try {
      queue = topic.chooser.choose(record, topic.partitions)
    } catch (error) {
      failRecord(this.#buffer, call, slot, BusbarError.from(error, 'INTERNAL', 'Choosing a partition failed'))
      return
    }
    queue.push(record, call, slot, size)
    const { lingerMs, maxBatchBytes } = this.#settings
    if (queue.state === 'idle') this.#router.proceed(queue)
    else if (lingerMs > 0 && queue.looseBytes >= maxBatchBytes) this.#router.hurry(queue)
  }

  /** Loads a topic for the records that wait for it, until it is known or certain not to be had. */
  #load(topic: Topic): void {
    void this.#directory.refresh(topic).then(() => {
      const error = this.#directory.errorOf(topic)
      if (topic.loaded || error) {
        for (const { call, slot } of topic.waiting.splice(0)) {
          if (error) failRecord(this.#buffer, call, slot, error)
          else this.#place(topic, call, slot)
        }
      } else if (topic.waiting.length > 0) {
        topic.failures++
        this.#settings.runtime.setTimer(backoffMs(this.#settings, topic.failures), () => this.#load(topic))
      }
    })
  }
}

function sizeOrNaN(record: OutboundRecord): number {
  try {
    return contentSizeOf(record)
  } catch {
    return Number.NaN
  }
}

function malformed(record: OutboundRecord, index: number): BusbarError {
  const needs =
    'bytes or null as key and value, bytes or text as headers, milliseconds since the epoch as timestampMs'
  return new BusbarError('CONFIG_INVALID', `Record ${index} of topic ${String(record.topic)} needs ${needs}`)
}

function tooLarge(topic: Topic, size: number): BusbarError {
  const message = `A record of ${size} bytes is too large for topic ${topic.name}, which takes ${topic.maxMessageBytes} (max.message.bytes)`
  return new BusbarError('RECORD_TOO_LARGE', message)
}
