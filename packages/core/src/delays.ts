import { correlationField } from './correlation.js'
import { BusbarError } from './error.js'
import { MessageHeaders } from './headers.js'
import { LaneRunner } from './lane-runner.js'
import type { Logger } from './logger.js'
import type { OwnTopics } from './own-topic.js'
import type { Runtime } from './runtime.js'
import type {
  Delivery,
  InboundRecord,
  OutboundRecord,
  Outcome,
  RecordPosition,
  Transport,
  TransportSubscription,
} from './transport.js'

export interface DelaysOptions {
  /** The bus's name: its delay topics are `<name>.delay.<seconds>s`, and the group that forwards is `<name>.delay`. */
  readonly name: string
  readonly transport: Transport
  readonly ownTopics: OwnTopics
  readonly runtime: Runtime
  readonly logger: Logger
}

/**
 * How long records wait in each topic, in seconds. All of one topic wait equally long, so that the first is always the
 * first that is due and none waits for another; a delay is a walk over ever shorter steps.
 */
const stepSeconds = [1, 5, 30, 180, 1_200, 7_200, 43_200]

const header = { dueAt: 'busbar-due-at', leaveAt: 'busbar-leave-at', target: 'busbar-target-topic' } as const

/** Records that a partition of a delay topic may have waiting in memory. */
const maxInFlight = 1_000

/** Publishes that wait: each stands in a delay topic until it is due, and is then sent to its own. */
export class Delays {
  readonly #options: DelaysOptions
  #forwarding: Promise<Forwarding> | undefined

  constructor(options: DelaysOptions) {
    this.#options = options
  }

  /** Stores a record that is to be published at `dueAtMs` (milliseconds since the epoch). */
  async schedule(record: OutboundRecord, dueAtMs: number): Promise<RecordPosition> {
    await this.#forward()
    const { topic, partition: _, ...rest } = record
    const headers = { ...record.headers, [header.dueAt]: String(dueAtMs), [header.target]: topic }
    return this.#store({ ...rest, headers }, dueAtMs)
  }

  /** Goes on forwarding what an earlier run of this service has scheduled, if it ever scheduled anything. */
  async resume(): Promise<void> {
    try {
      await this.#options.transport.partitions(this.#topicOf(0))
    } catch (thrown) {
      if (
        thrown instanceof BusbarError &&
        (thrown.code === 'TOPIC_MISSING' || thrown.code === 'TOPIC_DENIED')
      )
        return
      throw thrown
    }
    await this.#forward()
  }

  async close(deadline: AbortSignal): Promise<void> {
    const forwarding = await this.#forwarding?.catch(() => undefined)
    forwarding?.intake.pause()
    await forwarding?.runner.drain(deadline)
    await forwarding?.intake[Symbol.asyncDispose]()
  }

  /** Writes into the topic of the longest step that fits. */
  async #store(record: Omit<OutboundRecord, 'topic'>, dueAtMs: number): Promise<RecordPosition> {
    const now = this.#options.runtime.now()
    const leftMs = dueAtMs - now
    const step = Math.max(
      0,
      stepSeconds.findLastIndex(seconds => seconds * 1_000 <= leftMs),
    )
    const leaveAtMs = now + Math.min(leftMs, (stepSeconds[step] as number) * 1_000)
    const headers = { ...record.headers, [header.leaveAt]: String(leaveAtMs) }
    const [position] = await this.#options.transport.send([
      { ...record, topic: this.#topicOf(step), headers },
    ])
    return position as RecordPosition
  }

  #forward(): Promise<Forwarding> {
    this.#forwarding ??= this.#startForwarding().catch(thrown => {
      this.#forwarding = undefined
      throw thrown
    })
    return this.#forwarding
  }

  async #startForwarding(): Promise<Forwarding> {
    const { name, transport, ownTopics, logger } = this.#options
    const topics = stepSeconds.map((_, step) => this.#topicOf(step))
    await Promise.all(topics.map(topic => ownTopics.ensure({ name: topic })))
    const runner = new LaneRunner({
      concurrency: maxInFlight,
      maxQueued: maxInFlight,
      handle: delivery => this.#handle(delivery),
    })
    const spec = { group: `${name}.delay`, topics, from: 'earliest', maxInFlight } as const
    const intake = await transport.subscribe(spec, batch => runner.deliver(batch))
    intake.closed.catch((thrown: unknown) => {
      logger.error(
        { err: thrown },
        'delayed publishes wait: forwarding them has ended; the next one starts it again',
      )
      this.#forwarding = undefined
    })
    return { runner, intake }
  }

  async #handle({ record, attempt }: Delivery): Promise<Outcome> {
    const headers = new MessageHeaders(record.headers)
    const [leaveAtMs, dueAtMs] = [number(headers, header.leaveAt), number(headers, header.dueAt)]
    const waitMs = leaveAtMs - this.#options.runtime.now()
    if (waitMs > 0) return { kind: 'nack', delayMs: waitMs }
    try {
      if (dueAtMs > this.#options.runtime.now()) await this.#store(record, dueAtMs)
      else await this.#options.transport.send([published(record, headers)])
      return { kind: 'ack' }
    } catch (thrown) {
      this.#options.logger.error(
        { err: thrown, topic: record.topic, offset: record.offset, ...correlationField(record.headers) },
        'a delayed publish failed and is tried again',
      )
      return { kind: 'nack', delayMs: Math.min(30_000, 500 * 2 ** Math.min(attempt, 10)), cause: thrown }
    }
  }

  #topicOf(step: number): string {
    return `${this.#options.name}.delay.${stepSeconds[step]}s`
  }
}

interface Forwarding {
  readonly runner: LaneRunner
  readonly intake: TransportSubscription
}

/** The record as it was meant to be published. */
function published(record: InboundRecord, headers: MessageHeaders): OutboundRecord {
  const { [header.dueAt]: _due, [header.leaveAt]: _leave, [header.target]: _target, ...own } = record.headers
  const topic = headers.get(header.target) ?? ''
  return { topic, key: record.key, value: record.value, timestampMs: record.timestampMs, headers: own }
}

function number(headers: MessageHeaders, name: string): number {
  const bytes = headers.bytes(name)
  return bytes ? Number(Buffer.from(bytes).toString('latin1')) : 0
}
