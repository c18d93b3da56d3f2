import { join } from 'node:path'
import { cacheOf, fetchOnce, type MavenDownload } from '../java/maven-download.js'
import { repositoryRoot } from '../repository-root.js'

/** The broker's version, which the pom and the docker image name as well. */
export const KAFKA_VERSION = '4.1.0'

/** The testkit's folder with the pom and the log configuration. */
export const kafkaFiles = (): string => join(repositoryRoot(), 'packages/testkit/kafka')

const download: MavenDownload = {
  name: `Apache Kafka ${KAFKA_VERSION}`,
  size: '38 MiB',
  cache: ['kafka', KAFKA_VERSION],
  goal: folder => [
    ...['-f', join(kafkaFiles(), 'pom.xml'), 'dependency:copy-dependencies'],
    ...[`-DoutputDirectory=${folder}`, '-DincludeScope=runtime'],
  ],
}

/** The git-ignored folder that keeps the jars between runs. */
export const kafkaCache = (): string => cacheOf(download)

/**
 * The folder of the broker's jars; downloads them with Maven when they are not there yet.
 *
 * @throws Error when that can't be done.
 */
export const kafkaJars = (): Promise<string> => fetchOnce(download)
