import { type DeniedResources, denyAccess } from './deny-access.js'
import { SUPER_USER } from './server-properties.js'
import { startNodes } from './start-nodes.js'

/** What a test wants of its broker. Everything has a default. */
export interface StartKafkaOptions {
  /** The plain-text listener's port (default: a free one). */
  readonly port?: number
  /**
   * Adds a second plain-text listener that advertises this port, where the test puts a `tcpProxy` whose target is the
   * result's `proxyTargetPort`.
   */
  readonly proxyPort?: number
  /** Adds a SASL_SSL listener with these users, and an authorizer. */
  readonly saslSsl?: SaslSslOptions
  /** Server properties, which win over the defaults for tests. */
  readonly config?: Readonly<Record<string, string>>
  /** The broker's heap in MiB (default 128; 1024 when `fast`). */
  readonly heapMb?: number
  /** Leaves out the flags that start quickly and run slowly: for benchmarks (default false). */
  readonly fast?: boolean
}

/** The users of a TLS listener. */
export interface SaslSslOptions {
  /** Passwords by user, for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. Default `{ alice: 'alice-secret' }`. */
  readonly users?: Readonly<Record<string, string>>
  /** By user, what it may not touch. Everything else is allowed to everyone. */
  readonly denied?: Readonly<Record<string, DeniedResources>>
}

/** A broker that answers. */
export interface RunningKafka extends AsyncDisposable {
  /** Where it runs, `env` being a broker that was there already. */
  readonly source: 'env' | 'docker' | 'java'
  /** Bootstrap addresses of the plain-text listener. Its clients are super users. */
  readonly brokers: string[]
  /** Bootstrap addresses that lead through the test's proxy: with `proxyPort` only. */
  readonly proxiedBrokers?: string[]
  /** What the proxy at `proxyPort` has to forward to: with `proxyPort` only. */
  readonly proxyTargetPort?: number
  /** The TLS listener: with `saslSsl` only. */
  readonly saslSsl?: RunningSaslSsl
  /** The folder with the broker's data and log, removed by `stop`; empty for `env`. */
  readonly logDir: string
  /** The broker's process (the docker client's in docker; 0 for `env`). */
  readonly pid: number
  /** What the broker has logged so far; empty for `env`. */
  log(): Promise<string>
  /** Ends the broker at once and removes its data; does nothing for `env`. */
  stop(): Promise<void>
}

/** How to reach a TLS listener. */
export interface RunningSaslSsl {
  readonly brokers: string[]
  /** The authority that clients must trust (PEM). */
  readonly ca: string
  /** Passwords by user, the super user `admin` among them. */
  readonly users: Readonly<Record<string, string>>
}

const DEFAULT_USERS = { alice: 'alice-secret' }

/**
 * Starts a real Apache Kafka broker for tests: what the environment variable `KAFKA_BROKERS` names (for a start
 * without options only), else docker, else Java with Maven. The broker ends with this process at the latest.
 *
 * @throws KafkaUnavailable when this machine has none of these, Error when the broker doesn't start.
 */
export async function startKafka(options: StartKafkaOptions = {}): Promise<RunningKafka> {
  const given = process.env['KAFKA_BROKERS']
  if (given !== undefined && given !== '' && Object.keys(options).length === 0) return givenKafka(given)

  const { proxyPort, saslSsl, fast = false } = options
  const users =
    saslSsl === undefined ? undefined : { ...(saslSsl.users ?? DEFAULT_USERS), [SUPER_USER]: 'admin-secret' }
  const started = await startNodes({
    nodes: 1,
    config: options.config ?? {},
    heapMb: options.heapMb ?? (fast ? 1024 : 128),
    fast,
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(proxyPort === undefined ? {} : { proxyPorts: [proxyPort] }),
    ...(users === undefined ? {} : { users }),
  })
  const [node] = started.nodes
  const [ports] = started.ports
  if (node === undefined || ports === undefined) throw new Error('no node was started')
  try {
    await denyAccess(node.port, saslSsl?.denied ?? {})
  } catch (error) {
    await started.stop()
    throw error
  }
  return {
    source: started.kind,
    brokers: [`127.0.0.1:${node.port}`],
    ...(proxyPort === undefined || ports.proxied === undefined
      ? {}
      : { proxiedBrokers: [`127.0.0.1:${proxyPort}`], proxyTargetPort: ports.proxied }),
    ...(users === undefined || started.ca === undefined
      ? {}
      : { saslSsl: { brokers: [`127.0.0.1:${ports.saslSsl}`], ca: started.ca, users } }),
    logDir: started.folder,
    pid: node.pid,
    log: () => node.log(),
    stop: () => started.stop(),
    [Symbol.asyncDispose]: () => started.stop(),
  }
}

function givenKafka(brokers: string): RunningKafka {
  const stop = async (): Promise<void> => {}
  return {
    source: 'env',
    brokers: brokers.split(',').map(broker => broker.trim()),
    logDir: '',
    pid: 0,
    log: async () => '',
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
