import { type BusbarError, reasonOf } from '@busbar/core'
import { meaningOf } from './error-codes.js'
import type { PartitionQueue } from './partition-queue.js'
import type { PartitionRouter } from './partition-router.js'
import type { ProducerSettings } from './producer-options.js'
import type { PublishCall } from './publish-call.js'
import { notStored, publishError, unknownOutcome } from './publish-errors.js'
import type { SendBuffer } from './send-buffer.js'
import type { Topic } from './topic.js'
import type { TopicDirectory } from './topic-directory.js'

export interface DeadlineSweepOptions {
  readonly settings: ProducerSettings
  readonly buffer: SendBuffer
  readonly directory: TopicDirectory
  readonly router: PartitionRouter
}

/**
 * Tells publishers whose time is up what is known of their records. One timer for all of them, which runs only while
 * somebody waits: a deadline is noticed up to a twentieth of `publishTimeoutMs` late, at most 250 ms.
 */
export class DeadlineSweep {
  readonly #options: DeadlineSweepOptions
  #running = false
  #endsAt = Number.POSITIVE_INFINITY

  constructor(options: DeadlineSweepOptions) {
    this.#options = options
  }

  /** Nobody waits longer than this, in milliseconds, whatever the deadline. */
  endWithin(ms: number): void {
    this.#endsAt = this.#options.settings.clock() + ms
  }

  /** Somebody waits. */
  start(): void {
    if (this.#running) return
    this.#running = true
    const { settings, buffer, directory } = this.#options
    const intervalMs = Math.min(250, Math.max(5, settings.publishTimeoutMs / 20))
    settings.runtime.setTimer(intervalMs, () => {
      const now = settings.clock()
      const due = now < this.#endsAt ? now : Number.POSITIVE_INFINITY
      buffer.expire(due)
      for (const topic of directory.all) {
        this.#expireWaiting(topic, due)
        for (const queue of topic.partitions) if (!queue.empty) this.#expireQueue(queue, due)
      }
      directory.refreshOld(now)
      this.#running = false
      if (buffer.busy) this.start()
    })
  }

  /** Records whose topic isn't known yet. */
  #expireWaiting(topic: Topic, now: number): void {
    const late = topic.waiting.findIndex(({ call }) => call.deadline > now)
    const expired = topic.waiting.splice(0, late < 0 ? topic.waiting.length : late)
    if (expired.length === 0) return
    const cause = topic.lastError ?? new Error(meaningOf(topic.errorCode).name)
    const message = `A record of topic ${topic.name} was not sent, as the topic could not be looked up: ${reasonOf(cause)}`
    const error = publishError(cause, message)
    for (const { call, slot } of expired) failRecord(this.#options.buffer, call, slot, error)
  }

  #expireQueue(queue: PartitionQueue, now: number): void {
    const { settings, buffer, router } = this.#options
    const cause = queue.lastError ?? new Error(`no answer in ${settings.publishTimeoutMs} ms`)
    const settled = queue.expire(now, maybe =>
      maybe ? unknownOutcome(queue, cause) : notStored(queue, cause),
    )
    if (settled.records === 0) return
    buffer.release(settled)
    for (const batch of [...queue.batches]) {
      if (batch.inFlight || batch.live === batch.records.length) continue
      if (batch.live === 0) router.settler.discard(queue, batch)
      // What its publishers were told is not stored must not be stored later.
      else if (!batch.maybeStored)
        queue.batches.splice(
          queue.batches.indexOf(batch),
          1,
          batch.pick(() => true),
        )
    }
  }
}

/** Tells one record's publisher, and makes room. */
export function failRecord(buffer: SendBuffer, call: PublishCall, slot: number, error: BusbarError): void {
  call.failed(slot, error)
  buffer.release({ records: 1, bytes: call.sizes[slot] as number })
}
