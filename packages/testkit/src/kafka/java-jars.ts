import { join } from 'node:path'
import type { MavenJars } from '../java/maven-jars.js'
import { repositoryRoot } from '../repository-root.js'

/** The broker's version, which the pom and the docker image name as well. */
export const KAFKA_VERSION = '4.1.0'

/** The testkit's folder with the pom and the log configuration. */
export const kafkaFiles = (): string => join(repositoryRoot(), 'packages/testkit/kafka')

/** The git-ignored folder that keeps the jars between runs. */
export const kafkaCache = (): string => join(repositoryRoot(), '.cache/kafka', KAFKA_VERSION)

/** The broker's jars. */
export const kafkaJars = (): MavenJars => ({
  what: `Apache Kafka ${KAFKA_VERSION} (38 MiB)`,
  pom: join(kafkaFiles(), 'pom.xml'),
  folder: join(kafkaCache(), 'libs'),
})
