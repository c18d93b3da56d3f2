import { type Runtime, sleep } from '@busbar/core'
import { hasKafkaErrorType } from './kafka-error.js'

const notReady = ['GROUP_LOAD_IN_PROGRESS', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR_FOR_GROUP']
const withinMs = 10_000
const delayMs = 100

/** Waits for a coordinator that is still loading, as after a broker's start; kafkajs gives up on it at once. */
export async function onceCoordinatorReady<T>(
  runtime: Runtime,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const until = runtime.now() + withinMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!hasKafkaErrorType(error, ...notReady) || runtime.now() > until) throw error
    }
    await sleep(runtime, delayMs, signal)
  }
}
