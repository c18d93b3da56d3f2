import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { withFileLock } from '../file-lock.js'
import { repositoryRoot } from '../repository-root.js'
import { runCommand } from '../run-command.js'

/** The broker's version, which the pom and the docker image name as well. */
export const KAFKA_VERSION = '4.1.0'

/** The testkit's folder with the pom and the log configuration. */
export const kafkaFiles = (): string => join(repositoryRoot(), 'packages/testkit/kafka')

/** The git-ignored folder that keeps the jars between runs. */
export const kafkaCache = (): string => join(repositoryRoot(), '.cache/kafka', KAFKA_VERSION)

const ATTEMPTS = 3

/**
 * The folder of the broker's jars; downloads them with Maven (38 MiB) when they are not there yet. Safe to call from
 * several processes at once.
 *
 * @throws Error with Maven's output when the download fails three times.
 */
export async function kafkaJars(): Promise<string> {
  const libs = join(kafkaCache(), 'libs')
  if (existsSync(libs)) return libs
  await withFileLock(join(kafkaCache(), 'download.lock'), async () => {
    if (existsSync(libs)) return
    process.stderr.write(`Downloading Apache Kafka ${KAFKA_VERSION} for the tests, once (38 MiB) …\n`)
    const partial = `${libs}.${process.pid}`
    await download(partial)
    // Complete or not there at all: an interrupted download is never taken for the jars.
    await rename(partial, libs)
  })
  return libs
}

async function download(folder: string): Promise<void> {
  let output = ''
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
    const result = await runCommand('mvn', ['-B', '-q', '-f', join(kafkaFiles(), 'pom.xml'), ...goal], {
      timeoutMs: 180_000,
    })
    if (result.code === 0) return
    output = result.output
  }
  await rm(folder, { recursive: true, force: true })
  throw new Error(`mvn could not fetch Apache Kafka ${KAFKA_VERSION}: ${output.trim().slice(-1000)}`)
}
