import type { DeliveryContext } from '../context.js'
import { correlationField } from '../correlation.js'
import { BusbarError, isRetryable } from '../error.js'
import type { Logger } from '../logger.js'
import type { OwnTopic } from '../own-topic.js'
import { untried } from '../runner.js'
import type { Delivery, Effects, OutboundRecord } from '../transport.js'
import type { Observers, ProcessingEnds } from './observers.js'
import type { ReturnedRecords } from './returned-records.js'
import type { Task } from './task.js'
import type { Trouble } from './trouble.js'

/** The dead letter of a record, and the topic that it is for. */
interface DeadLetterToWrite {
  readonly topic: OwnTopic
  readonly record: OutboundRecord
}

export interface RecordProcessorOptions extends ProcessingEnds {
  readonly task: Task
  readonly returned: ReturnedRecords
  readonly observers: Observers
  readonly trouble: Trouble
  readonly logger: Logger
  /** The dead letter of a record that failed for good. */
  readonly deadLetter: (delivery: Delivery, thrown: unknown, attempts: number) => DeadLetterToWrite
  readonly ensureOwnTopic: (topic: OwnTopic) => Promise<unknown>
}

/** Applies to the stores what a record leads to; gives what is committed with it. */
type Conclude = () => Effects

const nothing: Effects = { records: [] }
/** How often a record is processed before it becomes a dead letter. */
const attempts = 5

/**
 * Processes the records of one ownership of a partition, one after the other. What one leads to is applied at the very end: who only
 * observes may fail until then, and nothing has changed.
 */
export class RecordProcessor {
  readonly #options: RecordProcessorOptions

  constructor(options: RecordProcessorOptions) {
    this.#options = options
  }

  /** Settles a record; false when that counts no more, since the ownership is about to end. Never rejects. */
  async process(delivery: Delivery): Promise<boolean> {
    const { returned, trouble, ended, stopping } = this.#options
    if (returned.cameBack(delivery.record)) {
      const isIgnored = await trouble.persist(() => returned.isIgnored(delivery.record))
      if (isIgnored === undefined) return false
      if (isIgnored) return this.#acknowledge(delivery, nothing)
    }
    for (let round = 1, before: DeliveryContext | undefined; ; round += 1) {
      const context = this.#contextOf(delivery, before)
      const settled = await this.#settle(delivery, context)
      if (typeof settled === 'boolean') return settled
      if (!stopping.aborted) {
        // One who observes has failed around all attempts. Nothing of them counts: the record comes again, as it does without a state.
        trouble.tell(settled.thrown, 'middleware that observes a stream')
        await trouble.pause(round, stopping)
      }
      if (stopping.aborted) return !ended.aborted && delivery.settle(untried)
      before = context
    }
  }

  #contextOf(delivery: Delivery, before: DeliveryContext | undefined): DeliveryContext | undefined {
    const { observers, returned } = this.#options
    const published = returned.asPublished(delivery.record)
    return observers.contextOf(delivery, published, this.#options, before && before.attempt + 1)
  }

  /** Settles a record, or gives why it can't be yet. */
  async #settle(
    delivery: Delivery,
    context: DeliveryContext | undefined,
  ): Promise<boolean | { readonly thrown: unknown }> {
    const { observers, ended } = this.#options
    try {
      const conclude = await observers.around('record', context, () => this.#try(delivery, context))
      const counts = this.#acknowledge(delivery, observers.effectsOf(context, conclude()))
      observers.tell(context, counts ? undefined : { error: ended.reason })
      return counts
    } catch (thrown) {
      observers.tell(context, { error: thrown })
      return { thrown }
    } finally {
      context?.release()
    }
  }

  /** Tries until a record is processed or has failed for good; rejects when it is to be handed back. */
  async #try(delivery: Delivery, context: DeliveryContext | undefined): Promise<Conclude> {
    const { observers, trouble, stopping } = this.#options
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await observers.around('attempt', context, () => this.#operate(delivery, context))
      } catch (thrown) {
        if (stopping.aborted) throw thrown
        if (!isOfState(thrown) && (attempt >= attempts || !isRetryable(thrown)))
          return this.#giveUp(delivery, thrown, attempt, context)
        trouble.tell(thrown)
        await trouble.pause(attempt, stopping)
        stopping.throwIfAborted()
        context?.nextAttempt()
      }
    }
  }

  #operate({ record, refused }: Delivery, context: DeliveryContext | undefined): Promise<Conclude> {
    const { task, returned } = this.#options
    if (refused) throw refused.error
    returned.check(record)
    return task.process(returned.asPublished(record), returned.cameBack(record), context)
  }

  async #giveUp(
    delivery: Delivery,
    thrown: unknown,
    attempt: number,
    context: DeliveryContext | undefined,
  ): Promise<Conclude> {
    const { deadLetter, ensureOwnTopic, logger, trouble, ended } = this.#options
    const letter = await trouble.persist(async () => {
      const { topic, record } = deadLetter(delivery, thrown, attempt)
      // Whoever traces has put a span around it.
      await (context ? context.forward(topic, record) : ensureOwnTopic(topic))
      return record
    })
    if (!letter) throw ended.reason
    const { topic, partition, offset } = delivery.record
    logger.error(
      { err: thrown, topic, partition, offset, ...correlationField(delivery.record.headers) },
      'an operator failed for good: the record is a dead letter now',
    )
    context?.conclude('dead-lettered', thrown)
    return () => (context ? nothing : { records: [letter] })
  }

  #acknowledge(delivery: Delivery, effects: Effects): boolean {
    this.#options.trouble.over()
    return delivery.settle({ kind: 'ack', effects })
  }
}

/** Whether it is the state that failed: no record's fault, and so no reason to give one up. */
function isOfState(thrown: unknown): boolean {
  return thrown instanceof BusbarError && thrown.code.startsWith('STATE_')
}
