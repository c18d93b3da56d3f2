import { request } from 'node:http'
import { join } from 'node:path'
import { findJava, NO_JAVA } from '../java/find-java.js'
import { fetchOnce, type MavenDownload } from '../java/maven-download.js'
import type { RunningServer } from './running-server.js'
import { type ServerRecipe, startServer } from './start-server.js'

const VERSION = '3.0.9'
const IMAGE = `apicurio/apicurio-registry:${VERSION}`

const download: MavenDownload = {
  name: `Apicurio Registry ${VERSION}`,
  size: '104 MiB',
  cache: ['registry', VERSION],
  goal: folder => [
    ...['dependency:unpack', `-Dartifact=io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`],
    `-DoutputDirectory=${folder}`,
  ],
}

const recipe: ServerRecipe = {
  name: 'Registry',
  variable: 'SCHEMA_REGISTRY_URL',
  docker: { image: IMAGE, port: 8080, args: [IMAGE] },
  install: 'Java 17+ and Maven',
  // Where it speaks the protocol of the Confluent Schema Registry.
  url: port => `http://127.0.0.1:${port}/apis/ccompat/v7`,
  async local(_folder, port) {
    const java = await findJava()
    if (java === undefined) return NO_JAVA
    let libs: string
    try {
      libs = await fetchOnce(download)
    } catch (error) {
      return (error as Error).message
    }
    const settings = ['http.host=127.0.0.1', `http.port=${port}`, 'http.access-log.enabled=false']
    return {
      command: java.path,
      args: [
        ...['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
        ...settings.map(setting => `-Dquarkus.${setting}`),
        ...['-jar', join(libs, `apicurio-registry-app-${VERSION}-runner.jar`)],
      ],
      end: 'kill -KILL "$1"',
    }
  },
  answers: async port => (await call('GET', `${recipe.url(port)}/subjects`)) === 200,
  async prepare(url) {
    // Confluent's own default. This registry's is to allow every change.
    const status = await call('PUT', `${url}/config`, { compatibility: 'BACKWARD' })
    if (status !== 200) throw new Error(`The registry's compatibility could not be set: ${status}`)
  },
}

/**
 * Starts a real schema registry for tests, in memory, that speaks the protocol of the Confluent Schema Registry and
 * checks for BACKWARD compatibility by default: what the environment variable `SCHEMA_REGISTRY_URL` names, else
 * Apicurio Registry in docker, or with this machine's Java, fetched with Maven once. It ends with this process at the
 * latest.
 *
 * @throws ServerUnavailable when this machine has none of these, Error when it doesn't start.
 */
export function startRegistry(): Promise<RunningServer> {
  return startServer(recipe)
}

/** The status of an answer. Not `fetch`, whose connections would be left open. */
function call(method: string, url: string, body?: unknown): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const sent = request(url, { method, headers, agent: false, timeout: 5_000 }, answer => {
      answer.resume()
      answer.once('end', () => resolve(answer.statusCode))
      answer.once('error', reject)
    })
    sent.once('timeout', () => sent.destroy(new Error('no answer')))
    sent.once('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
