import { BusbarError } from '@busbar/core'
import type { BatchCompressor } from '../record-batch.js'
import { BatchSettler } from './batch-settler.js'
import type { BrokerLinks } from './broker-links.js'
import { BrokerSender } from './broker-sender.js'
import type { PartitionQueue } from './partition-queue.js'
import type { ProducerIds } from './producer-identity.js'
import { backoffMs, type ProducerSettings } from './producer-options.js'
import { unknownOutcome } from './publish-errors.js'
import type { SendBuffer } from './send-buffer.js'
import type { TopicDirectory } from './topic-directory.js'

export interface PartitionRouterOptions {
  readonly settings: ProducerSettings
  readonly codec: BatchCompressor | undefined
  readonly links: BrokerLinks
  readonly ids: ProducerIds
  readonly directory: TopicDirectory
  readonly buffer: SendBuffer
}

/** Brings each partition's queue to the broker that leads it, with a producer id, now or after a while. */
export class PartitionRouter {
  readonly settler: BatchSettler
  readonly #options: PartitionRouterOptions
  readonly #senders = new Map<number, BrokerSender>()

  constructor(options: PartitionRouterOptions) {
    this.#options = options
    const { settings, directory, buffer } = options
    this.settler = new BatchSettler({
      buffer,
      topicOf: queue => directory.get(queue.topic),
      maxBatchBytes: settings.maxBatchBytes,
      missingTopicGraceMs: settings.missingTopicGraceMs,
      clock: settings.clock,
      proceed: queue => this.proceed(queue),
      retry: (queue, refresh) => this.#retry(queue, refresh),
      onLimitWrong: topic => {
        directory.forgetLimit(topic)
        void directory.refresh(topic)
      },
    })
  }

  /** Sends what a queue has that is neither being sent nor waiting for anything, as soon as it can be sent. */
  proceed(queue: PartitionQueue): void {
    queue.state = 'idle'
    if (queue.empty) return
    const { settings, ids } = this.#options
    if (settings.idempotent) queue.identity ??= queue.needsOwnId ? undefined : ids.ready
    const hasIdentity = queue.identity !== undefined || !settings.idempotent
    if (queue.leader >= 0 && hasIdentity) this.#senderOf(queue.leader).add(queue)
    else void this.#prepare(queue, queue.leader < 0)
  }

  /** Another broker leads the partition. */
  moved(queue: PartitionQueue, from: number): void {
    if (queue.state !== 'ready') return
    this.#senders.get(from)?.remove(queue)
    this.proceed(queue)
  }

  /** Ends lingering: for one partition's leader, or for all. */
  hurry(queue?: PartitionQueue): void {
    if (queue) this.#senders.get(queue.leader)?.hurry()
    else for (const sender of this.#senders.values()) sender.hurry()
  }

  #retry(queue: PartitionQueue, refresh: boolean): void {
    queue.state = 'waiting'
    queue.failures++
    const { settings } = this.#options
    const { topic, partition, failures, lastError: err } = queue
    const level = failures === 5 ? 'warn' : 'debug'
    settings.logger[level](
      { topic, partition, failures, err },
      'Publishing to a partition fails; it is tried again',
    )
    const again = (): void => void this.#prepare(queue, refresh || queue.leader < 0)
    settings.runtime.setTimer(backoffMs(settings, failures), again)
  }

  /** Gets a leader and a producer id for a queue, then sends. */
  async #prepare(queue: PartitionQueue, refresh: boolean): Promise<void> {
    queue.state = 'waiting'
    if (queue.empty) {
      queue.state = 'idle'
      return
    }
    const { settings, ids } = this.#options
    try {
      if (refresh && !(await this.#hasLeader(queue))) return
      if (settings.idempotent && !queue.identity) {
        queue.identity = queue.needsOwnId ? await ids.own() : await ids.shared()
        queue.needsOwnId = false
      }
    } catch (error) {
      queue.lastError = error
      if (error instanceof BusbarError && !error.retryable) this.#failQueue(queue, error)
      else this.#retry(queue, true)
      return
    }
    this.proceed(queue)
  }

  async #hasLeader(queue: PartitionQueue): Promise<boolean> {
    const { directory } = this.#options
    const topic = directory.get(queue.topic)
    await directory.refresh(topic)
    const error = directory.errorOf(topic)
    if (error) {
      this.#failQueue(queue, error)
      return false
    }
    // An old leader may be right even where nobody could say so.
    if (queue.leader >= 0) return true
    queue.lastError ??= topic.lastError ?? new Error('the partition has no leader')
    this.#retry(queue, true)
    return false
  }

  /** Fails everything in a queue, none of which is in flight. */
  #failQueue(queue: PartitionQueue, error: BusbarError): void {
    for (const batch of queue.takeAll()) {
      const told = batch.maybeStored ? unknownOutcome(queue, error) : error
      this.settler.discard(queue, batch)
      this.#options.buffer.release(batch.failed(told, () => true))
    }
    this.proceed(queue)
  }

  #senderOf(nodeId: number): BrokerSender {
    let sender = this.#senders.get(nodeId)
    if (!sender) {
      const { links, settings, codec } = this.#options
      sender = new BrokerSender(nodeId, links, settings, codec, this.settler)
      this.#senders.set(nodeId, sender)
    }
    return sender
  }
}
