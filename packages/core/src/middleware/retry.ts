import type { RecordContext } from '../context.js'
import { BusbarError } from '../error.js'
import type { Middleware } from '../middleware.js'
import { returnHeader } from '../return-headers.js'
import { returnedRecord } from '../returned-record.js'
import type { Runtime } from '../runtime.js'
import { positive } from '../validate.js'

export interface RetryOptions {
  /** How often a delivery is handled, the first time included. Default: 5. */
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
  const attempts = positive('retry.attempts', options.attempts ?? 5)
  const policy: Required<Omit<RetryOptions, 'via'>> = {
    attempts,
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
  const topicOf = (topic: string, group: string, step: number) => `${topic}.${group}.retry.${step}`
  return {
    name: 'retry',
    stage: 'retry',
    returnTopics: (topic, group) => steps.map(step => topicOf(topic, group, step)),
    async record(context, next) {
      try {
        return await next()
      } catch (thrown) {
        const { group, attempt } = context
        if (group === false) throw new BusbarError('CONFIG_INVALID', 'retry({ via: "topic" }) needs a group: a broadcast has no topic to come back by', { cause: thrown })
        if (attempt >= policy.attempts || context.ended || !policy.when(thrown, context)) throw thrown
        const delayMs = lengthOf(policy, attempt)
        const { topic } = context.origin
        context.logger.warn({ err: thrown, retryMs: delayMs }, 'handler failed: it comes back by its retry topic')
        const dueAt = String(context.runtime.now() + delayMs)
        await context.forward({ name: topicOf(topic, group, attempt), like: topic }, returnedRecord(context, { [returnHeader.dueAt]: dueAt }))
        context.conclude('rescheduled')
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

function isRetryable(error: unknown): boolean {
  return error instanceof BusbarError ? error.retryable : true
}
