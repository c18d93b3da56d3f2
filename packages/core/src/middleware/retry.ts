import type { RecordContext } from '../context.js'
import { BusbarError, isRetryable, reasonOf } from '../error.js'
import type { Middleware } from '../middleware.js'
import { ownTopicName } from '../own-topic.js'
import { returnHeader } from '../return-headers.js'
import { returnedRecord } from '../returned-record.js'
import type { Runtime } from '../runtime.js'
import { positive, whole } from '../validate.js'

export interface RetryOptions {
  /** How often a delivery is handled, the first time included; `Infinity` (in place only) never gives up. Default: 5. */
  readonly attempts?: number
  /** Before the second attempt, in milliseconds. Default: 200. */
  readonly delayMs?: number
  /** `exponential`: each delay is twice the one before; `fixed`: all are equal. Default: `exponential`. */
  readonly backoff?: 'exponential' | 'fixed'
  /** A delay is at most this long, in milliseconds. Default: 30,000. */
  readonly maxDelayMs?: number
  /** `full`: each delay is drawn evenly between 0 and its length, so that many failures don't come back at once. Default: `full`. */
  readonly jitter?: 'full' | 'none'
  /** Whether a failure is worth another attempt. Default: `retryable` of a `BusbarError`, true for anything else. */
  readonly when?: (error: unknown, context: RecordContext) => boolean
  /**
   * `place`: the record waits where it is; only its key waits with it. `topic`: it moves to `<topic>.<group>.retry.<n>`
   * and comes back to its group when it is due, so that nothing waits for it, and the wait survives a restart; **its key
   * loses its order**. Delays are then exact steps without jitter. Default: `place`.
   */
  readonly via?: 'place' | 'topic'
}

/**
 * Handles a delivery again when it fails. What it gives up goes to the dead letter outside of it. A delivery that waits
 * takes up no room of the group's concurrency, and is handed back when the bus closes or the partition moves away.
 *
 * @throws BusbarError `CONFIG_INVALID` naming the option that is wrong.
 */
export function retry(options: RetryOptions = {}): Middleware {
  const attempts = options.attempts ?? 5
  const policy: Policy = {
    attempts: attempts === Number.POSITIVE_INFINITY && options.via !== 'topic' ? attempts : whole('retry.attempts', attempts),
    delayMs: positive('retry.delayMs', options.delayMs ?? 200),
    backoff: options.backoff ?? 'exponential',
    maxDelayMs: positive('retry.maxDelayMs', options.maxDelayMs ?? 30_000),
    jitter: options.jitter ?? 'full',
    when: options.when ?? isRetryable,
  }
  return options.via === 'topic' ? retryViaTopic(policy) : retryInPlace(policy)
}

type Policy = Required<Omit<RetryOptions, 'via'>>

function retryInPlace(policy: Policy): Middleware {
  return {
    name: 'retry',
    stage: 'retry',
    reruns: true,
    async record(context, next) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await next()
        } catch (thrown) {
          if (attempt >= policy.attempts || context.ended || !policy.when(thrown, context)) throw thrown
          const delayMs = delayAfter(policy, attempt, context.runtime)
          context.logger.warn({ err: thrown, retryMs: delayMs }, 'handler failed: it is tried again')
          await context.wait(delayMs)
          context.nextAttempt()
        }
      }
    },
  }
}

function retryViaTopic(policy: Policy): Middleware {
  const steps = Array.from({ length: policy.attempts - 1 }, (_, step) => step + 1)
  const topicOf = (topic: string, group: string, step: number) => ownTopicName(topic, group, `retry.${step}`)
  return {
    name: 'retry',
    stage: 'retry',
    returnTopics: (topic, group) => steps.map(step => topicOf(topic, group, step)),
    async record(context, next) {
      try {
        return await next()
      } catch (thrown) {
        const { group, attempt } = context
        if (group === false || attempt >= policy.attempts || context.ended || !policy.when(thrown, context)) throw thrown
        const delayMs = lengthOf(policy, attempt)
        const { topic } = context.origin
        context.logger.warn({ err: thrown, retryMs: delayMs }, 'handler failed: it comes back by its retry topic')
        const dueAt = String(context.runtime.now() + delayMs)
        const name = topicOf(topic, group, attempt)
        try {
          await context.forward({ name, like: topic }, returnedRecord(context, { [returnHeader.dueAt]: dueAt }))
        } catch (failure) {
          if (failure instanceof BusbarError && !failure.retryable) {
            context.logger.error({ err: failure, topic: name }, 'its retry topic does not take this record: it is not tried again')
            throw thrown
          }
          const why = `moving ${context.event} ${context.id} to ${name} failed: ${reasonOf(failure)}; the record stays unacknowledged`
          throw new BusbarError('RETRY_FAILED', why, { cause: failure })
        }
        context.conclude('rescheduled', thrown)
      }
    },
  }
}

/** How long to wait after the given attempt, with jitter. */
function delayAfter(policy: Policy, attempt: number, runtime: Runtime): number {
  const length = lengthOf(policy, attempt)
  return policy.jitter === 'full' ? Math.round(length * runtime.random()) : length
}

function lengthOf({ backoff, delayMs, maxDelayMs }: Policy, attempt: number): number {
  return Math.min(maxDelayMs, backoff === 'fixed' ? delayMs : delayMs * 2 ** Math.min(attempt - 1, 40))
}
