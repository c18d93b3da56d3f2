import { BusbarError, type Runtime } from '@busbar/core'
import type { Broker, Cluster } from '../kafkajs-internals.js'
import { abandon, type BrokerAddress, connectBroker, withTimeout } from './connect-broker.js'
import {
  type ProduceAnswers,
  type ProducePartition,
  produce,
  produceApiKey,
  produceVersions,
} from './produce-protocol.js'

/** A node and where it listens. */
export interface BrokerNode extends BrokerAddress {
  readonly nodeId: number
}

/** The connections that records go out on: one to each broker that leads a partition we write. */
export class BrokerLinks {
  readonly #cluster: Cluster
  readonly #runtime: Runtime
  readonly #connectTimeoutMs: number
  readonly #requestTimeoutMs: number
  readonly #brokers = new Map<number, Broker>()
  #nodes = new Map<number, BrokerNode>()

  constructor(cluster: Cluster, runtime: Runtime, connectTimeoutMs: number, requestTimeoutMs: number) {
    this.#cluster = cluster
    this.#runtime = runtime
    this.#connectTimeoutMs = connectTimeoutMs
    this.#requestTimeoutMs = requestTimeoutMs
  }

  /** The brokers of the cluster as they are now. Connections to others are closed. */
  setNodes(nodes: readonly BrokerNode[]): void {
    this.#nodes = new Map(nodes.map(node => [node.nodeId, node]))
    for (const [nodeId, broker] of this.#brokers) {
      const node = this.#nodes.get(nodeId)
      const { host, port } = broker.connectionPool
      if (node?.host !== host || node.port !== port) this.#drop(nodeId, broker, 'no longer in the cluster')
    }
  }

  /**
   * Sends batches to the node that leads them and resolves with its answers. Only one call at a time for a node.
   *
   * @param onWrite Called right before the request is written: from then on it may arrive.
   */
  async produce(
    nodeId: number,
    batches: readonly ProducePartition[],
    onWrite: () => void,
  ): Promise<ProduceAnswers> {
    const broker = await this.#broker(nodeId)
    const version = Math.min(
      produceVersions.max,
      broker.versions?.[produceApiKey]?.maxVersion ?? produceVersions.min,
    )
    const protocol = produce(version, batches, this.#requestTimeoutMs)
    const watched = {
      ...protocol,
      request: {
        ...protocol.request,
        encode: () => {
          onWrite()
          return protocol.request.encode()
        },
      },
    }
    try {
      const sent = broker.connectionPool.send(watched)
      return await withTimeout(broker, this.#runtime, this.#requestTimeoutMs, 'Produce', sent)
    } catch (error) {
      // A fresh connection for the next try, so that nothing of this one can be mistaken for an answer.
      this.#drop(nodeId, broker, 'a request failed')
      throw error
    }
  }

  close(): void {
    for (const [nodeId, broker] of this.#brokers) this.#drop(nodeId, broker, 'closed')
  }

  async #broker(nodeId: number): Promise<Broker> {
    const known = this.#brokers.get(nodeId)
    if (known?.isConnected()) return known
    // Closed for being idle, or its session is over.
    if (known) this.#drop(nodeId, known, 'not connected')
    const node = this.#nodes.get(nodeId)
    if (!node) throw new BusbarError('CONNECTION_FAILED', `broker ${nodeId} is not in the cluster's metadata`)
    const broker = await connectBroker(this.#cluster, this.#runtime, this.#connectTimeoutMs, node)
    this.#brokers.set(nodeId, broker)
    return broker
  }

  #drop(nodeId: number, broker: Broker, why: string): void {
    if (this.#brokers.get(nodeId) === broker) this.#brokers.delete(nodeId)
    abandon(broker, why)
  }
}
