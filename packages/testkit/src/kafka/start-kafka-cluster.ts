import type { BrokerNode } from './broker-node.js'
import { startNodes } from './start-nodes.js'

/** What a test wants of its cluster. */
export interface StartKafkaClusterOptions {
  /** How many nodes, each broker and controller (default 3). */
  readonly nodes?: number
  /** Server properties of every node, which win over the defaults for tests. */
  readonly config?: Readonly<Record<string, string>>
  /** Each node's heap in MiB (default 256). */
  readonly heapMb?: number
  /** By node, the port that its second, proxied listener advertises. */
  readonly proxyPorts?: readonly number[]
}

/** A cluster that answers. Node ids count from 1. */
export interface RunningKafkaCluster extends AsyncDisposable {
  readonly source: 'docker' | 'java'
  /** The nodes' addresses, that of node 1 first. */
  readonly brokers: string[]
  /** Addresses that lead through the test's proxies: with `proxyPorts` only. */
  readonly proxiedBrokers?: string[]
  /** What the proxies have to forward to, by node: with `proxyPorts` only. */
  readonly proxyTargetPorts?: number[]
  readonly logDir: string
  /** The process of a node's last start. */
  pid(nodeId: number): number
  /** What a node has logged so far. */
  log(nodeId: number): Promise<string>
  /** Crashes a node (SIGKILL). */
  kill(nodeId: number): Promise<void>
  /** Stops a node cleanly: its partitions' leaders move first. */
  stopNode(nodeId: number): Promise<void>
  /** Starts a killed or stopped node on its data again, and resolves once it answers. */
  restart(nodeId: number): Promise<void>
  /** Ends all nodes at once and removes their data. */
  stop(): Promise<void>
}

// A killed leader is noticed after two seconds instead of nine.
const QUICK_FAIL_OVER = { 'broker.session.timeout.ms': '2000', 'broker.heartbeat.interval.ms': '500' }

/**
 * Starts a Kafka cluster for tests, with docker or Java as `startKafka`; `KAFKA_BROKERS` is no use here. Topics have
 * three replicas and need two in sync, with three nodes. Takes about ten seconds.
 *
 * @throws KafkaUnavailable when this machine can't run brokers, Error when one doesn't start.
 */
export async function startKafkaCluster(
  options: StartKafkaClusterOptions = {},
): Promise<RunningKafkaCluster> {
  const { nodes = 3, config = {}, heapMb = 256, proxyPorts } = options
  const started = await startNodes({
    nodes,
    config: { ...QUICK_FAIL_OVER, ...config },
    heapMb,
    fast: false,
    ...(proxyPorts === undefined ? {} : { proxyPorts }),
  })
  const node = (nodeId: number): BrokerNode => {
    const found = started.nodes.find(candidate => candidate.nodeId === nodeId)
    if (found === undefined) throw new Error(`the cluster has no node ${nodeId}`)
    return found
  }
  return {
    source: started.kind,
    brokers: started.nodes.map(({ port }) => `127.0.0.1:${port}`),
    ...(proxyPorts === undefined
      ? {}
      : {
          proxiedBrokers: proxyPorts.map(port => `127.0.0.1:${port}`),
          proxyTargetPorts: started.ports.flatMap(({ proxied }) => (proxied === undefined ? [] : [proxied])),
        }),
    logDir: started.folder,
    pid: nodeId => node(nodeId).pid,
    log: nodeId => node(nodeId).log(),
    kill: nodeId => node(nodeId).kill(),
    stopNode: nodeId => node(nodeId).stop(),
    async restart(nodeId) {
      await node(nodeId).launch()
      await node(nodeId).ready()
    },
    stop: () => started.stop(),
    [Symbol.asyncDispose]: () => started.stop(),
  }
}
