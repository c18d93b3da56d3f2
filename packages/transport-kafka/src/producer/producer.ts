import { BusbarError, type OutboundRecord, reasonOf, type RecordPosition } from '@busbar/core'
import { type Codec, loadCodec } from '../compression.js'
import { contentSizeOf, singleBatchSize } from '../record-batch.js'
import { BatchSettler, notStored, unknownOutcome } from './batch-settler.js'
import { BrokerLinks } from './broker-links.js'
import { BrokerSender } from './broker-sender.js'
import { ControlLink } from './control-link.js'
import { meaningOf } from './error-codes.js'
import type { PartitionQueue } from './partition-queue.js'
import { ProducerIds } from './producer-identity.js'
import { type ProducerOptions, type ProducerSettings, settingsOf } from './producer-options.js'
import { type CallGroup, PublishCall } from './publish-call.js'
import type { RecordSender } from './record-sender.js'
import { SendBuffer } from './send-buffer.js'
import type { Topic } from './topic.js'
import { TopicDirectory } from './topic-directory.js'

/**
 * A producer over kafkajs's connections with sequences, retries and results per partition of its own. It connects with
 * the first records, or by `connect`.
 *
 * @throws BusbarError `CONFIG_INVALID` for an option out of range or a compression whose package is missing.
 */
export async function createProducer(options: ProducerOptions): Promise<RecordSender> {
  const settings = settingsOf(options)
  return new Producer(options, settings, await loadCodec(options.compression ?? 'none'))
}

class Producer implements RecordSender {
  readonly #settings: ProducerSettings
  readonly #codec: Codec | undefined
  readonly #control: ControlLink
  readonly #links: BrokerLinks
  readonly #directory: TopicDirectory
  readonly #ids: ProducerIds
  readonly #buffer: SendBuffer
  readonly #settler: BatchSettler
  readonly #senders = new Map<number, BrokerSender>()
  #group: CallGroup = { open: 0, onEmpty: undefined }
  #flushed: Promise<void> = Promise.resolve()
  #sweeping = false
  #closed: Promise<void> | undefined

  constructor(options: ProducerOptions, settings: ProducerSettings, codec: Codec | undefined) {
    const { runtime, logger, clock, controlTimeoutMs, requestTimeoutMs, maxBufferedBytes, maxBufferedRecords } = settings
    this.#settings = settings
    this.#codec = codec
    this.#control = new ControlLink(options.cluster, runtime, controlTimeoutMs)
    this.#links = new BrokerLinks(options.cluster, runtime, controlTimeoutMs, requestTimeoutMs)
    this.#ids = new ProducerIds(this.#control)
    this.#directory = new TopicDirectory({
      control: this.#control,
      links: this.#links,
      runtime,
      logger,
      clock,
      maxMessageBytes: settings.maxMessageBytes,
      onMoved: (queue, from) => this.#moved(queue, from),
    })
    const limits = { maxRecords: maxBufferedRecords, maxBytes: maxBufferedBytes }
    this.#buffer = new SendBuffer(limits, call => this.#admit(call))
    this.#settler = new BatchSettler({
      buffer: this.#buffer,
      topicOf: queue => this.#directory.get(queue.topic),
      maxBatchBytes: settings.maxBatchBytes,
      missingTopicGraceMs: settings.missingTopicGraceMs,
      clock,
      proceed: queue => this.#proceed(queue),
      retry: (queue, refresh) => this.#retry(queue, refresh),
      onLimitWrong: topic => {
        this.#directory.forgetLimit(topic)
        void this.#directory.refresh(topic)
      },
    })
  }

  send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]> {
    if (this.#closed) return Promise.reject(new BusbarError('BUS_CLOSED', 'The producer was closed'))
    if (records.length === 0) return Promise.resolve([])
    const sizes = new Array<number>(records.length)
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as OutboundRecord
      const size = sizeOrNaN(record)
      if (!(size > 0) || !(Number.isSafeInteger(record.timestampMs) && record.timestampMs >= 0)) {
        return Promise.reject(malformed(record, i))
      }
      sizes[i] = size
    }
    const call = new PublishCall(records, sizes, this.#settings.clock() + this.#settings.publishTimeoutMs, this.#group)
    this.#buffer.add(call)
    if (!this.#sweeping) this.#sweepLater()
    return call.promise
  }

  flush(): Promise<void> {
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
    this.#closed ??= this.flush().then(() => {
      this.#links.close()
      this.#control.close()
    })
    return this.#closed
  }

  /** Hands a call's records to their partitions, or to their topic as long as that has none. */
  #admit(call: PublishCall): void {
    const { records } = call
    for (let i = 0; i < records.length; i++) {
      const topic = this.#directory.get((records[i] as OutboundRecord).topic)
      if (topic.loaded) {
        this.#place(topic, call, i)
      } else {
        if (topic.waitingCalls.push(call) === 1) this.#loadTopic(topic)
        topic.waitingSlots.push(i)
      }
    }
  }

  #place(topic: Topic, call: PublishCall, slot: number): void {
    const record = call.records[slot] as OutboundRecord
    const size = call.sizes[slot] as number
    if (!this.#codec && singleBatchSize(size) > topic.maxMessageBytes) {
      return this.#fail(call, slot, tooLarge(topic, singleBatchSize(size)))
    }
    let queue: PartitionQueue
    try {
      queue = topic.chooser.choose(record, topic.partitions)
    } catch (error) {
      return this.#fail(call, slot, error as BusbarError)
    }
    queue.push(record, call, slot, size)
    if (queue.state === 'idle') this.#proceed(queue)
  }

  #fail(call: PublishCall, slot: number, error: BusbarError): void {
    call.failed(slot, error)
    this.#buffer.release({ records: 1, bytes: call.sizes[slot] as number })
  }

  /** Sends what a queue has that is neither being sent nor waiting for anything, as soon as it can be sent. */
  #proceed(queue: PartitionQueue): void {
    queue.state = 'idle'
    if (queue.empty) return
    if (this.#settings.idempotent) queue.identity ??= queue.needsOwnId ? undefined : this.#ids.ready
    if (queue.leader >= 0 && (queue.identity || !this.#settings.idempotent)) this.#senderOf(queue.leader).add(queue)
    else void this.#prepare(queue, queue.leader < 0)
  }

  #retry(queue: PartitionQueue, refresh: boolean): void {
    queue.state = 'waiting'
    queue.failures++
    const { runtime, logger } = this.#settings
    const level = queue.failures === 5 ? 'warn' : 'debug'
    const { topic, partition, failures } = queue
    logger[level]({ topic, partition, failures, err: queue.lastError }, 'Publishing to a partition fails; it is tried again')
    runtime.setTimer(this.#backoffMs(queue.failures), () => void this.#prepare(queue, refresh || queue.leader < 0))
  }

  /** Gets a leader and a producer id for a queue, then sends. */
  async #prepare(queue: PartitionQueue, refresh: boolean): Promise<void> {
    queue.state = 'waiting'
    if (queue.empty) {
      queue.state = 'idle'
      return
    }
    try {
      if (refresh && !(await this.#hasLeader(queue))) return
      if (this.#settings.idempotent && !queue.identity) {
        queue.identity = queue.needsOwnId ? await this.#ids.own() : await this.#ids.shared()
        queue.needsOwnId = false
      }
    } catch (error) {
      queue.lastError = error
      if (error instanceof BusbarError && !error.retryable) this.#failQueue(queue, error)
      else this.#retry(queue, true)
      return
    }
    this.#proceed(queue)
  }

  async #hasLeader(queue: PartitionQueue): Promise<boolean> {
    const topic = this.#directory.get(queue.topic)
    await this.#directory.refresh(topic)
    const error = this.#topicError(topic)
    if (error) this.#failQueue(queue, error)
    else if (topic.lastError !== undefined || queue.leader < 0) {
      queue.lastError ??= topic.lastError ?? new Error('the partition has no leader')
      // An old leader may be right even where nobody could say so.
      if (queue.leader >= 0) return true
      this.#retry(queue, true)
    } else return true
    return false
  }

  /** Fails everything in a queue that is not in flight. */
  #failQueue(queue: PartitionQueue, error: BusbarError): void {
    for (const batch of queue.takeAll()) {
      const told = batch.maybeStored ? unknownOutcome(queue, error) : error
      if (batch.written && queue.identity?.restart() === false) queue.identity = undefined
      this.#buffer.release(batch.failed(told, () => true))
    }
    if (queue.state === 'waiting') this.#proceed(queue)
  }

  #loadTopic(topic: Topic): void {
    const { runtime } = this.#settings
    void this.#directory.refresh(topic).then(() => {
      if (topic.waitingCalls.length === 0) return
      const error = this.#topicError(topic)
      if (!topic.loaded && !error) {
        topic.failures++
        runtime.setTimer(this.#backoffMs(topic.failures), () => this.#loadTopic(topic))
        return
      }
      const { waitingCalls, waitingSlots } = topic
      topic.waitingCalls = []
      topic.waitingSlots = []
      for (let i = 0; i < waitingCalls.length; i++) {
        const call = waitingCalls[i] as PublishCall
        const slot = waitingSlots[i] as number
        if (error) this.#fail(call, slot, error)
        else this.#place(topic, call, slot)
      }
    })
  }

  /** Why a topic can't be written, if that is certain. */
  #topicError(topic: Topic): BusbarError | undefined {
    const { clock, missingTopicGraceMs } = this.#settings
    if (topic.lastError instanceof BusbarError && topic.lastError.code === 'CONFIG_INVALID') return topic.lastError
    if (topic.errorCode === 0) return undefined
    const { name, kind, code = 'PUBLISH_FAILED' } = meaningOf(topic.errorCode)
    const missing = topic.missingSince !== undefined && clock() - topic.missingSince >= missingTopicGraceMs
    if (kind === 'retry' && !missing) return undefined
    return new BusbarError(code, `Topic ${topic.name} can't be written: ${name}`)
  }

  #moved(queue: PartitionQueue, from: number): void {
    if (queue.state !== 'ready') return
    this.#senders.get(from)?.remove(queue)
    this.#proceed(queue)
  }

  #senderOf(nodeId: number): BrokerSender {
    let sender = this.#senders.get(nodeId)
    if (!sender) {
      sender = new BrokerSender(nodeId, this.#links, this.#settings, this.#codec, this.#settler)
      this.#senders.set(nodeId, sender)
    }
    return sender
  }

  #backoffMs(failures: number): number {
    const { runtime, retryBackoff } = this.#settings
    const delay = Math.min(retryBackoff.maxMs, retryBackoff.minMs * 2 ** Math.min(failures - 1, 20))
    return delay * (0.8 + 0.4 * runtime.random())
  }

  /** Looks at the deadlines now and then, as long as somebody waits. */
  #sweepLater(): void {
    const { runtime, publishTimeoutMs, clock } = this.#settings
    this.#sweeping = true
    runtime.setTimer(Math.min(250, Math.max(5, publishTimeoutMs / 20)), () => {
      const now = clock()
      this.#buffer.expire(now)
      for (const topic of this.#directory.all) this.#expire(topic, now)
      this.#directory.refreshOld(now)
      this.#sweeping = false
      if (this.#buffer.busy) this.#sweepLater()
    })
  }

  #expire(topic: Topic, now: number): void {
    const { waitingCalls, waitingSlots } = topic
    let late = 0
    while (late < waitingCalls.length && (waitingCalls[late] as PublishCall).deadline <= now) late++
    if (late > 0) {
      const why = topic.lastError ?? new Error(meaningOf(topic.errorCode).name)
      const message = `A record of topic ${topic.name} was not sent, as the topic's partitions could not be learnt: ${reasonOf(why)}`
      const error = new BusbarError('PUBLISH_FAILED', message, { cause: why })
      const slots = waitingSlots.splice(0, late)
      waitingCalls.splice(0, late).forEach((call, i) => void this.#fail(call, slots[i] as number, error))
    }
    for (const queue of topic.partitions) this.#expireQueue(queue, now)
  }

  #expireQueue(queue: PartitionQueue, now: number): void {
    if (queue.empty) return
    const { publishTimeoutMs } = this.#settings
    const cause = queue.lastError ?? new Error(`no answer in ${publishTimeoutMs} ms`)
    const settled = queue.expire(now, maybe => (maybe ? unknownOutcome(queue, cause) : notStored(queue, cause)))
    if (settled.records === 0) return
    this.#buffer.release(settled)
    for (const batch of [...queue.batches]) {
      if (batch.inFlight || batch.calls.every(call => call !== undefined)) continue
      if (batch.live === 0) this.#settler.discard(queue, batch)
      // What its publishers were told is not stored must not be stored later.
      else if (!batch.maybeStored) queue.batches.splice(queue.batches.indexOf(batch), 1, batch.pick(() => true))
    }
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
  const what = `Record ${index} of topic ${String(record.topic)}`
  return new BusbarError(
    'CONFIG_INVALID',
    `${what} needs bytes or null as key and value, bytes or text as headers, and milliseconds since the epoch as timestampMs`,
  )
}

function tooLarge(topic: Topic, size: number): BusbarError {
  const message = `A record of ${size} bytes is too large for topic ${topic.name}, which takes ${topic.maxMessageBytes} (max.message.bytes)`
  return new BusbarError('RECORD_TOO_LARGE', message)
}
