import { BusbarError, type Runtime } from '@busbar/core'
import { isFinal, kafkaError } from '../kafka-error.js'
import type { Broker, Cluster, Protocol } from '../kafkajs-internals.js'
import { abandon, type BrokerAddress, connectBroker, withTimeout } from './connect-broker.js'

/**
 * Asks any broker, over a connection of its own: a broker answers one connection's requests in order, so metadata would
 * otherwise wait behind a Produce request that waits for replicas. One that fails or hangs is left for another.
 */
export class ControlLink {
  readonly #cluster: Cluster
  readonly #runtime: Runtime
  readonly #timeoutMs: number
  #addresses: readonly BrokerAddress[] = []
  #turn = 0
  #current: Promise<Broker> | undefined

  constructor(cluster: Cluster, runtime: Runtime, timeoutMs: number) {
    this.#cluster = cluster
    this.#runtime = runtime
    this.#timeoutMs = timeoutMs
  }

  /** The brokers that are known now; the bootstrap brokers are always tried too. */
  setAddresses(addresses: readonly BrokerAddress[]): void {
    this.#addresses = addresses
  }

  /** The answer of the first broker that gives one; rejects with a `BusbarError`, the last reason, when none does. */
  async request<T>(protocol: Protocol<T>): Promise<T> {
    let reason: unknown
    // Everyone once, and two of the bootstrap brokers, whose number is not known.
    for (let attempts = this.#addresses.length + 2; attempts > 0; attempts--) {
      this.#current ??= this.#connect()
      const connecting = this.#current
      try {
        const broker = await connecting
        // Closed for being idle, or its session is over.
        if (!broker.isConnected()) throw new BusbarError('CONNECTION_FAILED', 'the connection was closed')
        const sent = broker.connectionPool.send(protocol)
        return await withTimeout(broker, this.#runtime, this.#timeoutMs, protocol.request.apiName, sent)
      } catch (error) {
        // A reason that passes counts more than a final one: whoever gave it may answer the next time.
        if (reason === undefined || isFinal(reason) || !isFinal(error)) reason = error
        if (error instanceof BusbarError && error.code === 'CONFIG_INVALID') throw error
        this.#leave(connecting)
      }
    }
    throw kafkaError(reason, { doing: 'No broker answered', fallback: 'CONNECTION_FAILED' })
  }

  close(): void {
    if (this.#current) this.#leave(this.#current)
  }

  #connect(): Promise<Broker> {
    // The bootstrap brokers have a turn as well: after a move of the whole cluster, only they may be right.
    const address = this.#addresses[this.#turn++ % (this.#addresses.length + 1)]
    return connectBroker(this.#cluster, this.#runtime, this.#timeoutMs, address)
  }

  #leave(connection: Promise<Broker>): void {
    if (this.#current === connection) this.#current = undefined
    connection.then(
      broker => abandon(broker, 'left for another broker'),
      () => {},
    )
  }
}
