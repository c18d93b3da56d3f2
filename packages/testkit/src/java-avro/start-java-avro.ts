import { join } from 'node:path'
import { findJava, NO_JAVA } from '../java/find-java.js'
import { fetchOnce, type MavenDownload } from '../java/maven-download.js'
import { orSkip } from '../or-skip.js'
import { repositoryRoot } from '../repository-root.js'
import { ServerUnavailable } from '../server-unavailable.js'
import { JavaAvro } from './java-avro.js'
import { LineProcess } from './line-process.js'

/** The library's version, which the pom names as well. */
const AVRO_VERSION = '1.12.1'

const download: MavenDownload = {
  name: `Apache Avro ${AVRO_VERSION} for Java`,
  size: '6 MiB',
  cache: ['java-avro', AVRO_VERSION],
  goal: folder => [
    ...['-f', join(repositoryRoot(), 'packages/testkit/java-avro/pom.xml'), 'dependency:copy-dependencies'],
    ...[`-DoutputDirectory=${folder}`, '-DincludeScope=runtime'],
  ],
}

let shared: Promise<JavaAvro | undefined> | undefined

/**
 * Avro's Java library in a process that all callers in this one share. It ends with this process, which it does not
 * keep alive. Without a JDK or Maven this is undefined, said aloud: skip the tests that need it.
 *
 * @throws ServerUnavailable instead where `CI` is set: nothing may be skipped silently there.
 */
export function javaAvro(): Promise<JavaAvro | undefined> {
  shared ??= orSkip(startJavaAvro)
  return shared
}

/**
 * Starts a process with Avro's Java library.
 *
 * @throws ServerUnavailable when this machine can't.
 */
export async function startJavaAvro(): Promise<JavaAvro> {
  const java = await findJava()
  if (java === undefined) throw unavailable(NO_JAVA)
  try {
    const libs = await fetchOnce(download)
    const program = join(repositoryRoot(), 'packages/testkit/java-avro/JavaAvro.java')
    const flags = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', join(libs, '*')]
    const avro = new JavaAvro(new LineProcess('the Java process', java.path, [...flags, program]))
    // A Java without compiler shows only now.
    await avro.compatible({ reader: 'int', writer: 'int' })
    return avro
  } catch (error) {
    throw unavailable((error as Error).message)
  }
}

function unavailable(reason: string): ServerUnavailable {
  return new ServerUnavailable('Avro for Java', [reason], 'Install a JDK 17+ and Maven.')
}
