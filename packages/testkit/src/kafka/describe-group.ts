import { join } from 'node:path'
import { findJava, NO_JAVA } from '../java/find-java.js'
import { fetchOnce, type MavenDownload } from '../java/maven-download.js'
import { runCommand } from '../run-command.js'
import { ServerUnavailable } from '../server-unavailable.js'
import { KAFKA_VERSION, kafkaJars } from './java-jars.js'

/** Where a group stands in a partition, as Kafka's own tool says. */
export interface DescribedPartition {
  readonly topic: string
  readonly partition: number
  readonly committed: number
  readonly end: number
  readonly lag: number
}

/** The command-line tools are not among the broker's jars. */
const download: MavenDownload = {
  name: `Kafka's tools ${KAFKA_VERSION}`,
  size: '1 MiB',
  cache: ['kafka-tools', KAFKA_VERSION],
  goal: folder => [
    'dependency:copy',
    `-Dartifact=org.apache.kafka:kafka-tools:${KAFKA_VERSION}`,
    `-DoutputDirectory=${folder}`,
  ],
}

/**
 * What `kafka-consumer-groups.sh --describe` says of a group: the partitions of which it has committed a position.
 *
 * @throws ServerUnavailable when this machine can't run it, Error with what it said when it fails.
 */
export async function describeGroup(
  brokers: readonly string[],
  group: string,
): Promise<readonly DescribedPartition[]> {
  const java = await findJava()
  if (java === undefined) throw unavailable(NO_JAVA)
  const jars = await Promise.all([fetchOnce(download), kafkaJars()]).catch((error: Error) => {
    throw unavailable(error.message)
  })
  const { code, output } = await runCommand(java.path, [
    ...[
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      jars.map(folder => join(folder, '*')).join(':'),
    ],
    'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
    ...['--bootstrap-server', brokers.join(','), '--describe', '--offsets', '--group', group],
  ])
  if (code !== 0) throw new Error(`describing group ${group} failed: ${output.trim()}`)
  return output.split('\n').flatMap(line => {
    // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG …
    const [name, topic = '', ...numbers] = line.trim().split(/\s+/)
    const [partition, committed, end, lag] = numbers.map(Number)
    if (name !== group || partition === undefined || !Number.isInteger(committed)) return []
    return [{ topic, partition, committed, end, lag } as DescribedPartition]
  })
}

function unavailable(reason: string): ServerUnavailable {
  return new ServerUnavailable("Kafka's tools", [reason], 'Install Java 17+ and Maven.')
}
