import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BrokerProcess, BrokerRuntime } from './broker-runtime.js'
import { type NodeSettings, serverProperties } from './server-properties.js'
import { kafkaRoundTrip } from './wire.js'

const CLUSTER_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const API_VERSIONS = { apiKey: 18, apiVersion: 0, body: Buffer.alloc(0) }
const STOP_MS = 10_000

/** One node of a broker or cluster, which can be stopped or killed and started again on the same data. */
export class BrokerNode {
  readonly nodeId: number
  readonly port: number
  readonly #runtime: BrokerRuntime
  readonly #settings: NodeSettings
  #process: BrokerProcess | undefined
  #running = false

  constructor(runtime: BrokerRuntime, settings: NodeSettings) {
    this.#runtime = runtime
    this.#settings = settings
    this.nodeId = settings.nodeId
    this.port = settings.ports.plain
  }

  /** The process of the last start, 0 before the first. */
  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Whether the process lives. */
  get running(): boolean {
    return this.#running
  }

  /** Writes the settings and formats the storage. Users are stored for SCRAM. */
  async prepare(): Promise<void> {
    const { folder, saslSsl } = this.#settings
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'server.properties'), serverProperties(this.#settings))
    const users = Object.entries(saslSsl?.users ?? {}).flatMap(([user, password]) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap(mechanism => [
        '--add-scram',
        `${mechanism}=[name=${user},password=${password}]`,
      ]),
    )
    await this.#runtime.format(folder, ['-t', CLUSTER_ID, ...users])
  }

  /** Starts the process; `ready` tells when it answers. */
  async launch(): Promise<void> {
    if (this.#running) throw new Error(`node ${this.nodeId} is running`)
    const process = await this.#runtime.run(this.#settings.folder)
    this.#process = process
    this.#running = true
    void process.exited.then(() => {
      if (this.#process === process) this.#running = false
    })
  }

  /**
   * Resolves once the node answers requests.
   *
   * @throws Error with the end of the broker's log when it ends or has not answered after `timeoutMs`.
   */
  async ready(timeoutMs = 60_000): Promise<void> {
    const end = Date.now() + timeoutMs
    while (this.#running && Date.now() < end) {
      const answered = await kafkaRoundTrip(this.port, API_VERSIONS, 2_000).then(
        () => true,
        () => false,
      )
      if (answered) return
      await sleep(50)
    }
    const what = this.#running ? `did not answer in ${timeoutMs} ms` : 'ended while starting'
    throw new Error(`Kafka node ${this.nodeId} ${what}:\n${(await this.log()).slice(-3_000)}`)
  }

  /** Crashes the node (SIGKILL). Resolves once it is gone; does nothing when it isn't running. */
  async kill(): Promise<void> {
    if (!this.#running) return
    await this.#process?.kill('SIGKILL')
    await this.#process?.exited
  }

  /** Stops the node cleanly, and by force when that takes longer than ten seconds. */
  async stop(): Promise<void> {
    if (!this.#running) return
    await this.#process?.kill('SIGTERM')
    const aborter = new AbortController()
    await Promise.race([
      this.#process?.exited,
      sleep(STOP_MS, undefined, { signal: aborter.signal }).catch(() => {}),
    ])
    aborter.abort()
    await this.kill()
  }

  /** What the broker has logged so far. */
  async log(): Promise<string> {
    const path = join(this.#settings.folder, 'broker.log')
    return existsSync(path) ? await readFile(path, 'utf8') : ''
  }
}
