import type { RecordContext } from '../context.js'
import { BusbarError, codeOf, reasonOf } from '../error.js'
import type { Middleware } from '../middleware.js'
import { ownTopicName } from '../own-topic.js'
import { returnHeader } from '../return-headers.js'
import { returnedRecord } from '../returned-record.js'
import type { OutboundHeaders } from '../transport.js'

/** The dead-letter topic of a group for a topic. */
export function deadLetterTopic(topic: string, group: string): string {
  return ownTopicName(topic, group, 'dlq')
}

/** A dead letter waits for somebody to look at it, however long that takes. */
export const keptForGood = { 'retention.ms': '-1' }

/** The topic by which replayed dead letters come back to their group. */
export function redriveTopic(topic: string, group: string): string {
  return ownTopicName(topic, group, 'retry')
}

/**
 * Moves what fails for good to `<topic>.<group>.dlq`, byte for byte and with the reason, and lets the group go on. When
 * that write fails, the record stays unacknowledged and comes again. On by default for a subscription with a group.
 */
export function deadLetter(): Middleware {
  return {
    name: 'deadLetter',
    stage: 'dead-letter',
    returnTopics: (topic, group) => [redriveTopic(topic, group)],
    async record(context, next) {
      try {
        await next()
      } catch (thrown) {
        if (context.ended || context.group === false || isHandedBack(thrown)) throw thrown
        await write(context, context.group, thrown)
        const code = codeOf(thrown, 'HANDLER_FAILED')
        context.logger.error(
          { err: thrown, code, reason: reasonOf(thrown) },
          'handler failed for good: the record is a dead letter now',
        )
        context.conclude('dead-lettered', thrown)
      }
    },
  }
}

/** Whether a failure is to come again, since it is of the bus itself. */
function isHandedBack(thrown: unknown): boolean {
  return thrown instanceof BusbarError && thrown.code === 'RETRY_FAILED'
}

async function write(context: RecordContext, group: string, thrown: unknown): Promise<void> {
  const like = context.origin.topic
  const topic = deadLetterTopic(like, group)
  let failure: unknown
  // In a transactional group it is refused later, and comes here again.
  const shorter = Math.min(Math.max(0, context.refusals - 1), 2)
  for (const headers of [...reasons(context, thrown)].slice(shorter)) {
    try {
      return await context.forward(
        { name: topic, like, config: keptForGood },
        returnedRecord(context, headers),
      )
    } catch (error) {
      failure = error
      if (!(error instanceof BusbarError && error.code === 'RECORD_TOO_LARGE')) break
    }
  }
  const why = `writing the dead letter of ${context.event} ${context.id} to ${topic} failed: ${reasonOf(failure)}; the record stays unacknowledged`
  throw new BusbarError('DEAD_LETTER_FAILED', why, { cause: failure })
}

/** The reason in ever fewer bytes: to fit the size limit the stack is dropped, then the message shortened. */
function* reasons(context: RecordContext, thrown: unknown): Generator<OutboundHeaders> {
  const message = reasonOf(thrown).toWellFormed()
  const short = {
    [returnHeader.errorCode]: codeOf(thrown, 'HANDLER_FAILED'),
    [returnHeader.errorMessage]: message.slice(0, 2_000).toWellFormed(),
    [returnHeader.failedAt]: String(context.runtime.now()),
  }
  const stack = thrown instanceof Error ? thrown.stack?.slice(0, 8_000).toWellFormed() : undefined
  if (stack) yield { ...short, [returnHeader.errorStack]: stack }
  yield short
  yield { ...short, [returnHeader.errorMessage]: message.slice(0, 80).toWellFormed() }
}
