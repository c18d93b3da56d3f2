import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { freePort } from '../free-ports.js'
import { ProxyConnection } from './proxy-connection.js'
import { ProxyFaults } from './proxy-faults.js'

/** Where a proxy stands. */
export interface TcpProxyOptions {
  /** The broker's port at 127.0.0.1: `RunningKafka.proxyTargetPort`. */
  readonly targetPort: number
  /** The port to listen on, which the broker advertises (default: a free one). */
  readonly listenPort?: number
}

/** A proxy that breaks connections on demand. API keys are those of Kafka's protocol: produce 0, fetch 1 … */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** How many connections are open. */
  readonly connections: number
  /** How many requests with this API key have come from clients. */
  requests(apiKey: number): number
  /** The next `count` (default 1) such requests go through; instead of the answer, the connection is closed. */
  swallowResponses(apiKey: number, count?: number): void
  /** The next `count` (default 1) such answers break off in the middle, and the connection is closed. */
  cutMidFrame(apiKey: number, count?: number): void
  /** Closes all connections now. */
  cutAll(): void
  /** Holds all bytes, both ways, until `resume`. Connections stay open. */
  pause(): void
  resume(): void
  /** Refuses new connections until `accept`; those that are open stay. */
  refuse(): Promise<void>
  accept(): Promise<void>
  /** Makes each frame take this long, each way. 0 ends it. */
  delay(ms: number): void
  /** Closes all connections and the port. */
  stop(): Promise<void>
}

/**
 * Starts a proxy inside this process for Kafka's protocol in plain text. It passes whole frames only.
 *
 * @throws Error when the port is taken.
 */
export async function tcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const port = options.listenPort ?? (await freePort())
  const faults = new ProxyFaults()
  const counts = new Map<number, number>()
  const open = new Set<ProxyConnection>()
  let server: Server | undefined

  const accept = async (): Promise<void> => {
    if (server !== undefined) return
    const listening = createServer(socket => {
      const connection = new ProxyConnection(socket, options.targetPort, faults, apiKey => {
        counts.set(apiKey, (counts.get(apiKey) ?? 0) + 1)
      })
      open.add(connection)
      socket.once('close', () => open.delete(connection))
    })
    server = listening
    listening.listen(port, '127.0.0.1')
    await once(listening, 'listening')
  }
  const refuse = async (): Promise<void> => {
    // Stops listening at once. Its callback would wait for the connections, which may stay.
    server?.close()
    server = undefined
  }
  const cutAll = (): void => {
    for (const connection of open) connection.destroy()
  }
  const stop = async (): Promise<void> => {
    const closed = server === undefined ? undefined : once(server, 'close')
    await refuse()
    cutAll()
    faults.resume()
    await closed
  }

  await accept()
  return {
    port,
    get connections() {
      return open.size
    },
    requests: apiKey => counts.get(apiKey) ?? 0,
    swallowResponses: (apiKey, count = 1) => faults.swallow(apiKey, count),
    cutMidFrame: (apiKey, count = 1) => faults.cut(apiKey, count),
    cutAll,
    pause: () => faults.pause(),
    resume: () => faults.resume(),
    refuse,
    accept,
    delay: ms => {
      faults.delayMs = ms
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
