import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, Server } from 'node:net'
import type { Bus } from '../bus.js'
import { BusbarError, reasonOf } from '../error.js'
import { doneWithin } from '../runner.js'
import { systemRuntime } from '../runtime.js'
import { positive } from '../validate.js'
import { endKeptConnections } from './kept-connections.js'
import { OrderlyEnd } from './orderly-end.js'

export interface ListenOptions {
  /** 0: any that is free. Default: 3000. */
  readonly port?: number
  /** The address to listen on. Default: all, as Node's own. */
  readonly host?: string
  /** How long closing may take in all, in milliseconds. Default: 10,000. */
  readonly closeTimeoutMs?: number
}

/** What answers requests: a listener of Node's, an Express app, `app.callback()` of Koa. */
export type HttpListener = (request: IncomingMessage, response: ServerResponse) => unknown

/** A bus and the HTTP server before it. */
export interface HttpService extends AsyncDisposable {
  readonly server: HttpServer
  /** Where it listens, for example `http://127.0.0.1:3000`. */
  readonly url: string
  /**
   * Ends both: the bus stops receiving and its handlers finish, then the server takes no more connections and its requests
   * finish, and may publish until then; last, the bus is closed. What takes longer than the time is cut off: records are
   * handed back, connections closed. Calling it again waits for the same end.
   */
  close(): Promise<void>
}

/**
 * Starts a bus, and then the HTTP server of a service.
 * Rejects with what the start rejects with, or `CONFIG_INVALID` where nothing can listen there; then the bus is closed.
 *
 * @param app what answers requests, for example an Express app or `app.callback()` of Koa, or a server, for example of `node:https`.
 */
export async function listen(
  bus: Bus,
  app: HttpListener | HttpServer,
  options: ListenOptions = {},
): Promise<HttpService> {
  const closeTimeoutMs = positive('listen.closeTimeoutMs', options.closeTimeoutMs ?? 10_000)
  const server =
    app instanceof Server ? app : createServer((request, response) => void app(request, response))
  await bus.start()
  try {
    await opened(server, options)
  } catch (thrown) {
    await bus.close()
    const where = `${options.host ?? '*'}:${options.port ?? defaultPort}`
    const isTaken = thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE'
    const why = isTaken ? 'something else listens there (EADDRINUSE): give another port' : reasonOf(thrown)
    throw new BusbarError('CONFIG_INVALID', `listening on ${where}: ${why}`, { cause: thrown })
  }
  const closing = new ServiceClosing(bus, server, closeTimeoutMs)
  const close = () => closing.close()
  return { server, url: urlOf(server), close, [Symbol.asyncDispose]: close }
}

const defaultPort = 3000

function opened(server: Server, { port = defaultPort, host }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function urlOf(server: HttpServer): string {
  const { address, port, family } = server.address() as AddressInfo
  const isAny = address === '::' || address === '0.0.0.0'
  const host = isAny ? '127.0.0.1' : family === 'IPv6' ? `[${address}]` : address
  const scheme = 'setSecureContext' in server ? 'https' : 'http'
  return `${scheme}://${host}:${port}`
}

class ServiceClosing {
  readonly #server: HttpServer
  readonly #end: OrderlyEnd
  #closed: Promise<void> | undefined

  constructor(bus: Bus, server: HttpServer, timeoutMs: number) {
    this.#server = server
    this.#end = new OrderlyEnd(bus, timeoutMs)
    endKeptConnections(server, () => this.#closed !== undefined)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#end.drain()
    await doneWithin(systemRuntime, this.#end.requestsMs, this.#serverClosed())
    this.#server.closeAllConnections()
    await this.#end.finish()
  }

  #serverClosed(): Promise<void> {
    return new Promise(resolve => {
      this.#server.close(() => resolve())
      this.#server.closeIdleConnections()
    })
  }
}
