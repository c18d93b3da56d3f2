import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { findJava, type JavaCommand, NO_JAVA } from '../java/find-java.js'
import { runCommand } from '../run-command.js'
import type { BrokerProcess, BrokerRuntime, RuntimeOptions } from './broker-runtime.js'
import { kafkaCache, kafkaFiles, kafkaJars } from './java-jars.js'
import { whenThisProcessDies } from './watchdog.js'

/**
 * The runtime that runs brokers with this machine's Java, from jars that Maven fetches once.
 *
 * @returns the runtime, or the reason why this machine can't have it.
 */
export async function javaRuntime(options: RuntimeOptions): Promise<JavaRuntime | string> {
  const java = await findJava()
  if (java === undefined) return NO_JAVA
  try {
    return new JavaRuntime(java, await kafkaJars(), options)
  } catch (error) {
    return (error as Error).message
  }
}

/** Brokers as Java processes. */
export class JavaRuntime implements BrokerRuntime {
  readonly kind = 'java'
  readonly bindAddress = '127.0.0.1'

  readonly #java: JavaCommand
  readonly #libs: string
  readonly #options: RuntimeOptions

  constructor(java: JavaCommand, libs: string, options: RuntimeOptions) {
    this.#java = java
    this.#libs = libs
    this.#options = options
  }

  /** The class-data archive that makes a start fast. Java ignores one of another version, so the name has it. */
  get archive(): string {
    return join(kafkaCache(), `classes-${this.#java.version}.jsa`)
  }

  async format(folder: string, args: readonly string[]): Promise<void> {
    const tool = ['-cp', join(this.#libs, '*'), 'kafka.tools.StorageTool', 'format', ...args]
    const flags = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...this.#sharedClasses()]
    const result = await runCommand(this.#java.path, [
      ...flags,
      ...tool,
      '-c',
      join(folder, 'server.properties'),
    ])
    if (result.code !== 0) throw new Error(`Kafka's storage tool failed: ${result.output.trim()}`)
  }

  run(folder: string): Promise<BrokerProcess> {
    return this.#launch(folder, this.#sharedClasses())
  }

  /** Like `run`, and the process writes the class-data archive to `target` when it ends by SIGTERM. */
  runForArchive(folder: string, target: string): Promise<BrokerProcess> {
    return this.#launch(folder, [`-XX:ArchiveClassesAtExit=${target}`])
  }

  async release(): Promise<void> {}

  #sharedClasses(): string[] {
    return existsSync(this.archive) ? [`-XX:SharedArchiveFile=${this.archive}`, '-Xlog:cds=off'] : []
  }

  async #launch(folder: string, extra: readonly string[]): Promise<BrokerProcess> {
    const log = await open(join(folder, 'broker.log'), 'a')
    const args = [
      `-Xmx${this.#options.heapMb}m`,
      ...(this.#options.fast ? [] : ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']),
      ...extra,
      `-Dlog4j2.configurationFile=${join(kafkaFiles(), 'log4j2.properties')}`,
      '-cp',
      join(this.#libs, '*'),
      'kafka.Kafka',
      join(folder, 'server.properties'),
    ]
    // A group of its own: Ctrl-C reaches the owner only, which stops the broker in its own time.
    const child = spawn(this.#java.path, args, { stdio: ['ignore', log.fd, log.fd], detached: true })
    const started = await new Promise<Error | undefined>(resolve => {
      child.once('spawn', () => resolve(undefined))
      child.once('error', resolve)
    })
    await log.close()
    if (started !== undefined || child.pid === undefined) throw started ?? new Error('java did not start')
    child.unref()
    return brokerProcess(child, child.pid)
  }
}

function brokerProcess(child: ChildProcess, pid: number): BrokerProcess {
  const callOff = whenThisProcessDies('kill -KILL "$1"', [String(pid)])
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => {
      callOff()
      resolve()
    })
  })
  return {
    pid,
    exited,
    async kill(signal) {
      // Whoever waits for the end now needs this process to stay.
      child.ref()
      child.kill(signal)
    },
  }
}
