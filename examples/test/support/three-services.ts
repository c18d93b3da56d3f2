import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { eventually, freePorts, uniqueName } from '@busbar/testkit'
import { Kafka, logLevel } from 'kafkajs'
import { Client } from 'pg'

export type ServiceName = 'accounts' | 'mailer' | 'stats'

/** A service that runs as a process of its own. */
export interface RunningService {
  readonly url: string
  /** What it has written so far: lines of its log, and spans. */
  readonly lines: readonly Line[]
  /** Sends a signal; resolves with the exit code, which is null where the signal ended it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
}

export interface Line {
  readonly msg?: string
  readonly event?: string
  readonly correlationId?: string
  readonly [field: string]: unknown
}

/** The three services of the example, with topics, groups and tables of their own. */
export interface ThreeServices extends AsyncDisposable {
  readonly namespace: string
  readonly env: NodeJS.ProcessEnv
  /** Starts one; resolves when it is ready. */
  start(service: ServiceName): Promise<RunningService>
  /** A connection to what a service keeps, closed with the rest. */
  database(service: ServiceName): Promise<Client>
  /** How many records of a topic a service has not finished. */
  lag(service: ServiceName, topic: string): Promise<number>
}

export async function threeServices(
  brokers: readonly string[],
  postgres: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<ThreeServices> {
  const namespace = uniqueName('three')
  const [accounts = 0, mailer = 0, stats = 0] = await freePorts(3)
  const ports: Readonly<Record<ServiceName, number>> = { accounts, mailer, stats }
  const env = {
    ...process.env,
    KAFKA_BROKERS: brokers.join(','),
    POSTGRES_URL: postgres,
    NAMESPACE: namespace,
    ...Object.fromEntries(
      Object.entries(ports).map(([name, port]) => [`${name.toUpperCase()}_PORT`, String(port)]),
    ),
    ...settings,
  }
  const children: ChildProcess[] = []
  const clients: Client[] = []
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  return {
    namespace,
    env,
    async start(service) {
      const program = join(import.meta.dirname, '../../dist/three-services', `${service}.js`)
      const child = spawn(process.execPath, ['--import', endsWithItsParent, program], {
        env,
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      })
      children.push(child)
      const lines: Line[] = []
      createInterface({ input: child.stdout as Readable }).on('line', line =>
        lines.push(JSON.parse(line) as Line),
      )
      const url = `http://127.0.0.1:${ports[service]}`
      await eventually(
        async () => {
          const { status } = await fetch(`${url}/health/ready`)
          if (status !== 200) throw new Error(`${service} is not ready`)
        },
        { timeoutMs: 30_000, everyMs: 50 },
      )
      return { url, lines, end: signal => ended(child, signal) }
    },
    async database(service) {
      const schema = `${namespace}_${service}`.replace(/\W/g, '_')
      const client = new Client({ connectionString: postgres, options: `-c search_path=${schema}` })
      await client.connect()
      clients.push(client)
      return client
    },
    async lag(service, topic) {
      const name = `${namespace}.${topic}`
      const ends = await admin.fetchTopicOffsets(name)
      const [found] = await admin.fetchOffsets({ groupId: `${namespace}.${service}`, topics: [name] })
      const at = new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
      return ends.reduce((sum, end) => sum + Number(end.offset) - Math.max(0, at.get(end.partition) ?? 0), 0)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map(child => ended(child, 'SIGKILL')))
      await Promise.all([...clients.map(client => client.end()), admin.disconnect()])
    },
  }
}

/** For when the test file itself is killed. */
const endsWithItsParent =
  "data:text/javascript,process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))"

async function ended(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
  return child.exitCode
}
