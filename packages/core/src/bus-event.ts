import type { Logger } from './logger.js'
import type { TransportEvent } from './transport.js'

/** What happens in a bus without a caller to tell: rebalances, lost positions, consumers that died. */
export type BusEvent = TransportEvent

export function logBusEvent(logger: Logger, event: BusEvent): void {
  switch (event.type) {
    case 'assigned':
    case 'revoked':
      logger.info(
        { group: event.group, partitions: event.partitions.map(each => `${each.topic}/${each.partition}`) },
        `partitions ${event.type}`,
      )
      return
    case 'position-out-of-range': {
      const { group, topic, partition, position, resetTo, error } = event
      logger.error(
        { group, topic, partition, position, resetTo, code: error.code, err: error },
        'committed position is out of range',
      )
      return
    }
    case 'transaction-failed': {
      const { group, failure, delayMs, error } = event
      const partitions = event.partitions.map(each => `${each.topic}/${each.partition}`)
      logger.error(
        { group, partitions, failure, delayMs, code: error.code, err: error },
        'a transaction failed: its partitions begin anew at the committed position',
      )
      return
    }
    case 'consumer-restarting':
      logger.warn(
        { group: event.group, restart: event.restart, code: event.error.code, err: event.error },
        'consumer crashed and is restarted',
      )
      return
    case 'consumer-restarted':
      logger.info({ group: event.group, restart: event.restart }, 'consumer is restarted and receives again')
      return
    case 'consumer-failed':
      logger.error(
        { group: event.group, code: event.error.code, err: event.error },
        'consumer failed for good: its group receives nothing more here',
      )
  }
}
