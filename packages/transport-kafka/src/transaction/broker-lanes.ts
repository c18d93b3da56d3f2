import { BusbarError, type Runtime } from '@busbar/core'
import type { Broker, Cluster, Protocol } from '../kafkajs-internals.js'
import { abandon, type BrokerAddress, connectBroker, withTimeout } from '../producer/connect-broker.js'

export interface LaneRequest<T> {
  readonly address: BrokerAddress
  /** Requests of one lane are answered in order, those of different ones side by side. */
  readonly lane: string
  readonly timeoutMs: number
  /** Makes the request for a broker of these versions. */
  readonly protocol: (broker: Broker) => Protocol<T>
  /** Called right before the request is written: from then on it may arrive. */
  readonly onWrite?: () => void
}

/** A few connections to each broker: a broker handles the requests of one connection one after the other. */
export class BrokerLanes {
  readonly #cluster: Cluster
  readonly #runtime: Runtime
  readonly #connectTimeoutMs: number
  readonly #links = new Map<string, Link>()
  #closed = false

  constructor(cluster: Cluster, runtime: Runtime, connectTimeoutMs: number) {
    this.#cluster = cluster
    this.#runtime = runtime
    this.#connectTimeoutMs = connectTimeoutMs
  }

  /** Rejects where no answer came; the connection is not used again then. */
  async request<T>({ address, lane, timeoutMs, protocol, onWrite }: LaneRequest<T>): Promise<T> {
    const name = `${address.host}:${address.port} ${lane}`
    const link = this.#link(name, address)
    try {
      const broker = await link.connecting
      const made = protocol(broker)
      const encode = (): ReturnType<typeof made.request.encode> => {
        onWrite?.()
        return made.request.encode()
      }
      const sent = broker.connectionPool.send({ ...made, request: { ...made.request, encode } })
      return await withTimeout(broker, this.#runtime, timeoutMs, made.request.apiName, sent)
    } catch (error) {
      this.#drop(name, link)
      throw error
    }
  }

  close(): void {
    this.#closed = true
    for (const [name, link] of this.#links) this.#drop(name, link)
  }

  #link(name: string, address: BrokerAddress): Link {
    if (this.#closed) throw new BusbarError('BUS_CLOSED', 'The connections of transactions were closed')
    const known = this.#links.get(name)
    // Closed for being idle, or its session is over.
    if (known?.broker && !known.broker.isConnected()) this.#drop(name, known)
    else if (known) return known
    const link: Link = {
      broker: undefined,
      connecting: connectBroker(this.#cluster, this.#runtime, this.#connectTimeoutMs, address).then(
        broker => {
          link.broker = broker
          return broker
        },
      ),
    }
    this.#links.set(name, link)
    return link
  }

  #drop(name: string, link: Link): void {
    if (this.#links.get(name) === link) this.#links.delete(name)
    link.connecting.then(
      broker => abandon(broker, 'a request failed, or it is not needed any more'),
      () => {},
    )
  }
}

interface Link {
  readonly connecting: Promise<Broker>
  /** Once it is connected. */
  broker: Broker | undefined
}
