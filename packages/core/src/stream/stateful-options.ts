import { BusbarError } from '../error.js'
import type { Logger } from '../logger.js'
import type { Middleware, Stage } from '../middleware.js'

/** Options of a subscription that mean nothing to operators with a state, and why. */
const meaningless = {
  use: 'only middleware of the bus that observes runs around them: give it to bus.use(), or put it into an operator',
  name: 'they are known by their group: leave it out',
  concurrency: 'one record of a partition is processed at a time: leave it out',
  maxInFlight: 'it is a setting of the bus for them: give it to createBus (option "consume.maxInFlight")',
  onFailure: 'a record that fails for good is always a dead letter: leave it out',
} as const

/**
 * Refuses options that a stream with a state would ignore.
 * @throws BusbarError `CONFIG_INVALID`
 */
export function refuseMeaningless(what: string, options: object): void {
  for (const [option, why] of Object.entries(meaningless)) {
    if ((options as Record<string, unknown>)[option] === undefined) continue
    throw new BusbarError(
      'CONFIG_INVALID',
      `${what}: option "${option}" has no meaning for operators with a state; ${why}`,
    )
  }
}

/** Middleware of these stages decides which records count. */
const choosing: ReadonlySet<Stage | undefined> = new Set<Stage>(['filter', 'idempotent'])
/** What a stream with a state does by itself. */
const provided: ReadonlySet<Stage | undefined> = new Set<Stage>(['retry', 'dead-letter'])

/**
 * Deals with middleware of the bus that does not run around operators with a state, as it does not only observe: where that
 * changes which records count it is refused, and else the log says so.
 * @throws BusbarError `CONFIG_INVALID`
 */
export function checkMiddleware(group: string, middleware: readonly Middleware[], logger: Logger): void {
  const consuming = middleware.filter(
    ({ observes, record, attempt, event }) => event ?? (observes ? undefined : (record ?? attempt)),
  )
  const refused = consuming.find(({ stage }) => choosing.has(stage))
  if (refused)
    throw new BusbarError(
      'CONFIG_INVALID',
      `group ${group}: middleware "${refused.name}" of the bus does not run around operators with a state, and records would count that it keeps away: give it to subscriptions (option "use"), or the streams a bus of their own`,
    )
  const left = consuming.filter(({ stage }) => !provided.has(stage)).map(({ name }) => name)
  if (left.length > 0)
    logger.warn(
      { group, middleware: left },
      'middleware of the bus does not run around operators with a state: only layers record, attempt and publish of what observes do',
    )
}
