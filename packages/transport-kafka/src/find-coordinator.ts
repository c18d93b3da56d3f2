import { hasKafkaErrorType } from './kafka-error.js'
import type { Cluster, GroupBroker } from './kafkajs-internals.js'

/** Runs kafkajs's look-up of a group's coordinator; where it fails, rejects with the real reason. */
export async function withCoordinatorReason<T>(
  cluster: Cluster,
  group: string,
  find: () => Promise<T>,
): Promise<T> {
  try {
    return await find()
  } catch (error) {
    throw hasKafkaErrorType(error, 'KafkaJSGroupCoordinatorNotFound')
      ? await reasonFor(error, cluster, group)
      : error
  }
}

/** kafkajs says that there is no coordinator whatever the reason was: asks again, for the reason. */
async function reasonFor(error: unknown, cluster: Cluster, group: string): Promise<unknown> {
  try {
    const broker = (await cluster.brokerPool.findConnectedBroker()) as GroupBroker
    await broker.findGroupCoordinator({ groupId: group, coordinatorType: 0 })
  } catch (reason) {
    return reason
  }
  // It was for a moment only: as an error that kafkajs retries.
  return Object.assign(new Error('the coordinator of the group is not available'), {
    type: 'GROUP_COORDINATOR_NOT_AVAILABLE',
    retriable: true,
    cause: error,
  })
}
