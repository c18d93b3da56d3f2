import type { Logger } from '@busbar/core'
import { type LogEntry, logLevel } from 'kafkajs'

type Level = 'debug' | 'info' | 'warn'

/**
 * Lines of kafkajs that need another level than its own. It logs ordinary events as errors, and each real error also
 * reaches Busbar as an error or an event, which is where it is reported. `undefined`: not logged at all.
 */
const levels: readonly (readonly [RegExp, Level | undefined])[] = [
  // The transport chooses partitions itself.
  [/switched default partitioner/, undefined],
  // Connections that this package itself has cut, because it leaves.
  [/^(Connection error|Failed to connect).*(was closed|has left|abandoned)/, 'debug'],
  // An error answer goes to whoever sent the request: a rebalance, an existing topic, a cold coordinator.
  [/^Response /, 'debug'],
  [/rebalancing, re-joining/, 'debug'],
  [/^Crash: /, 'debug'],
  [/^(Pausing|Resuming) fetching/, 'debug'],
  [/^Offset out of range/, 'debug'],
  [/^Failed to connect to (seed )?broker/, 'info'],
  [/^Connection (error|timeout)/, 'info'],
  [/coordinator is not aware of this member/, 'info'],
  [/not aware of all assigned partitions/, 'info'],
]

const usual: Readonly<Record<logLevel, Level | undefined>> = {
  [logLevel.NOTHING]: undefined,
  [logLevel.ERROR]: 'warn',
  [logLevel.WARN]: 'info',
  [logLevel.INFO]: 'debug',
  [logLevel.DEBUG]: 'debug',
}

/** A `logCreator` for kafkajs that writes to Busbar's logger, at levels that fit a library whose failures are reported. */
export function kafkaLogCreator(logger: Logger): () => (entry: LogEntry) => void {
  return () => entry => {
    const { timestamp: _timestamp, logger: _logger, message, stack: _stack, ...fields } = entry.log
    const rule = levels.find(([pattern]) => pattern.test(message))
    const level = rule ? rule[1] : usual[entry.level]
    if (level === undefined) return
    logger[level]({ ...fields, kafkajs: entry.namespace }, message)
  }
}
