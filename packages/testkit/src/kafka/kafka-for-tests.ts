import { orSkip } from '../or-skip.js'
import { startKafka } from './start-kafka.js'
import {
  type RunningKafkaCluster,
  type StartKafkaClusterOptions,
  startKafkaCluster,
} from './start-kafka-cluster.js'

/** The variable in which the test runner names the broker that it has started for all test files. */
export const SHARED_KAFKA_VARIABLE = 'BUSBAR_TEST_KAFKA'

/** The broker that test files share: use names of your own for topics and groups. */
export interface TestKafka {
  readonly brokers: string[]
}

let shared: Promise<TestKafka | undefined> | undefined

/**
 * The broker that test files share: the runner's, or one that is started for this file when it runs by hand (it ends
 * with the process). Without any way to run a broker this is undefined, said aloud: skip the file's tests.
 *
 * @throws KafkaUnavailable instead where `CI` is set: nothing may be skipped silently there.
 */
export function kafkaForTests(): Promise<TestKafka | undefined> {
  shared ??= findKafka()
  return shared
}

async function findKafka(): Promise<TestKafka | undefined> {
  const given = process.env[SHARED_KAFKA_VARIABLE]
  if (given !== undefined && given !== '') return { brokers: given.split(',') }
  return orSkip(() => startKafka())
}

/** A cluster of the test file's own; undefined, or an error, where {@link kafkaForTests} is. Stop it. */
export function kafkaClusterForTests(
  options: StartKafkaClusterOptions = {},
): Promise<RunningKafkaCluster | undefined> {
  return orSkip(() => startKafkaCluster(options))
}
