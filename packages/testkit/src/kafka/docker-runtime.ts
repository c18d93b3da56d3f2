import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../run-command.js'
import type { BrokerProcess, BrokerRuntime, RuntimeOptions } from './broker-runtime.js'
import { KAFKA_VERSION } from './java-jars.js'
import { whenThisProcessDies } from './watchdog.js'

const IMAGE = `apache/kafka:${KAFKA_VERSION}`

/**
 * The runtime that runs brokers in containers. `ports` are all that the brokers will listen on.
 *
 * @returns the runtime, or the reason why this machine can't have it.
 */
export async function dockerRuntime(
  options: RuntimeOptions,
  folder: string,
  ports: readonly number[],
): Promise<BrokerRuntime | string> {
  // The client answers without an engine; `docker info` asks the engine.
  const engine = await runCommand('docker', ['info', '--format', '{{.ServerVersion}}'], { timeoutMs: 3_000 })
  if (engine.code !== 0 || !/^\d/.test(engine.output)) return 'no docker engine answers'
  const namespace = `busbar-kafka-${randomUUID()}`
  // One idle container owns the network and the published ports, and brokers join it: they reach each other at
  // 127.0.0.1, as clients on this machine do, and a killed broker takes no network with it.
  const publish = ports.flatMap(port => ['--publish', `127.0.0.1:${port}:${port}`])
  const holder = [
    'run',
    '--rm',
    '--detach',
    '--name',
    namespace,
    ...publish,
    '--entrypoint',
    'sleep',
    IMAGE,
    '86400',
  ]
  const callOff = whenThisProcessDies('docker rm --force "$1"', [namespace])
  const started = await runCommand('docker', holder, { timeoutMs: 180_000 })
  if (started.code !== 0) {
    callOff()
    return `docker could not run ${IMAGE}: ${started.output.trim()}`
  }
  const release = async (): Promise<void> => {
    await runCommand('docker', ['rm', '--force', namespace])
    callOff()
  }
  return new DockerRuntime(options, folder, namespace, release)
}

/** Brokers as containers that share one network. */
class DockerRuntime implements BrokerRuntime {
  readonly kind = 'docker'
  readonly bindAddress = '0.0.0.0'

  readonly release: () => Promise<void>
  readonly #options: RuntimeOptions
  readonly #root: string
  readonly #namespace: string

  constructor(options: RuntimeOptions, root: string, namespace: string, release: () => Promise<void>) {
    this.#options = options
    this.#root = root
    this.#namespace = namespace
    this.release = release
  }

  async format(folder: string, args: readonly string[]): Promise<void> {
    const tool = [
      '/opt/kafka/bin/kafka-storage.sh',
      'format',
      ...args,
      '-c',
      join(folder, 'server.properties'),
    ]
    const result = await runCommand('docker', [
      ...this.#container(`${this.#namespace}-${randomUUID().slice(0, 8)}`),
      ...commandOf(tool),
    ])
    if (result.code !== 0) throw new Error(`Kafka's storage tool failed: ${result.output.trim()}`)
  }

  async run(folder: string): Promise<BrokerProcess> {
    const name = `${this.#namespace}-${randomUUID().slice(0, 8)}`
    const log = await open(join(folder, 'broker.log'), 'a')
    const command = commandOf(['/opt/kafka/bin/kafka-server-start.sh', join(folder, 'server.properties')])
    const child = spawn('docker', [...this.#container(name), ...command], {
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    })
    const callOff = whenThisProcessDies('docker rm --force "$1"', [name])
    const exited = new Promise<void>(resolve => {
      child.once('error', () => resolve())
      child.once('exit', () => {
        callOff()
        resolve()
      })
    })
    child.unref()
    await log.close()
    return {
      pid: child.pid ?? 0,
      exited,
      kill: async signal => {
        // Whoever waits for the end now needs this process to stay.
        child.ref()
        await runCommand('docker', ['kill', '--signal', signal, name])
      },
    }
  }

  #container(name: string): string[] {
    const flags = this.#options.fast ? '' : ' -XX:+UseSerialGC -XX:TieredStopAtLevel=1'
    // As this user, so that the files in the mounted folder can be removed again.
    const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`
    return [
      ...['run', '--rm', '--name', name, '--network', `container:${this.#namespace}`, '--user', user],
      ...['--volume', `${this.#root}:${this.#root}`, '--env', `LOG_DIR=${this.#root}`],
      ...['--env', `KAFKA_HEAP_OPTS=-Xmx${this.#options.heapMb}m${flags}`],
    ]
  }
}

function commandOf([entrypoint = '', ...args]: readonly string[]): string[] {
  return ['--entrypoint', entrypoint, IMAGE, ...args]
}
