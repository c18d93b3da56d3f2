import type { DeliveryContext, PublishContext } from '../context.js'
import { correlationField } from '../correlation.js'
import { BusbarError, reasonOf } from '../error.js'
import type { Logger } from '../logger.js'
import type { Middleware } from '../middleware.js'

export interface LoggingOptions {
  /** The level of its lines; a publish that failed is a warning. Default: `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error'
  /**
   * Whether payloads are written, as the field `payload`; or what of them, by the payload and the name of its contract:
   * `undefined` is nothing. Replies, which are encoded by then, never are. Default: false.
   */
  readonly payload?: boolean | ((payload: unknown, contract: string) => unknown)
}

/**
 * One line for each publish and one for each delivery, after it has ended, with what it was about, how it ended and
 * `durationMs`: of a delivery from its first attempt to its last. No headers, no keys, and no payloads unless asked.
 *
 * Why a delivery failed, or a request was answered with an error, is in the lines that the bus writes anyway. A publish
 * that was refused before it came to any middleware, because of its payload, rejects and is not logged.
 */
export function logging(options: LoggingOptions = {}): Middleware {
  const { level = 'info', payload = false } = options
  return {
    name: 'logging',
    observes: true,
    async publish(context, next) {
      const { event, id, topic, kind, runtime, logger } = context
      const startMs = runtime.now()
      const line = () => ({
        event,
        id,
        topic,
        kind,
        // What `correlation()` has put there, wherever it stands.
        ...correlationField(context.headers),
        durationMs: Math.max(0, runtime.now() - startMs),
        ...(kind === 'reply' ? {} : shown(payload, context, logger)),
      })
      try {
        await next()
      } catch (thrown) {
        const code = thrown instanceof BusbarError ? { code: thrown.code } : {}
        logger.warn({ ...line(), outcome: 'failed', ...code, reason: reasonOf(thrown) }, 'publish failed')
        throw thrown
      }
      logger[level]({ ...line(), outcome: 'done' }, context.isSentNow ? 'published' : 'encoded')
    },
    async record(given, next) {
      const context = given as DeliveryContext
      const startMs = context.runtime.now()
      const write = (outcome: DeliveryOutcome) => {
        const { topic, partition, offset, runtime, logger } = context
        const durationMs = Math.max(0, runtime.now() - startMs)
        // Event, id, group, subscription, attempt and correlation id are the logger's.
        logger[level](
          { topic, partition, offset, durationMs, outcome, ...shown(payload, context, logger) },
          `delivery ${outcome}`,
        )
      }
      try {
        await next()
      } catch (thrown) {
        write(context.ended ? 'handed back' : 'failed')
        throw thrown
      }
      // Its partition moved away while it ran: what it did does not count.
      write(context.conclusion === 'done' && context.signal.aborted ? 'handed back' : context.conclusion)
    },
  }
}

/** `failed`: the bus hands it back or answers with an error, as its own line says. */
type DeliveryOutcome = DeliveryContext['conclusion'] | 'failed' | 'handed back'

function shown(
  show: NonNullable<LoggingOptions['payload']>,
  { payload, event }: Pick<PublishContext, 'payload' | 'event'>,
  logger: Logger,
): { readonly payload?: unknown } {
  if (show === false || payload === undefined) return {}
  if (show === true) return { payload }
  try {
    const chosen = show(payload, event)
    return chosen === undefined ? {} : { payload: chosen }
  } catch {
    // Its handler is done: a line in a log is no reason to run it again. What was thrown may quote the payload.
    logger.warn({ event }, 'option "payload" of logging() threw an error: the payload is not shown')
    return {}
  }
}
