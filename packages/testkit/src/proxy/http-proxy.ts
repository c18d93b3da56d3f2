import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../free-ports.js'

/** A request as the proxy got it. */
export interface ProxiedRequest {
  readonly method: string
  /** The path below the target's, with the query. */
  readonly path: string
  readonly authorization: string | undefined
}

/** An answer in place of the target's. */
interface ProxyAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent piece by piece, `pieceMs` apart (default 0). */
  readonly pieces?: readonly string[]
  readonly pieceMs?: number
}

/**
 * What becomes of a request: it goes to the target; `swallow`: there too, but its connection is closed in place of the answer; `cut`: its
 * connection is closed before the target gets it; `hang`: it is never answered; or an answer of the test's own.
 */
export type ProxyVerdict = 'pass' | 'swallow' | 'cut' | 'hang' | ProxyAnswer

export interface HttpProxyOptions {
  /** The server behind it, plain HTTP. */
  readonly target: string
  /** Speaks TLS to its clients, with these settings. */
  readonly tls?: ServerOptions
}

/** A proxy that counts requests and breaks them on demand. */
export interface HttpProxy extends AsyncDisposable {
  /** The target's URL, through the proxy. */
  readonly url: string
  /** All requests so far. */
  readonly requests: readonly ProxiedRequest[]
  /** How many connections clients have opened so far. */
  readonly connections: number
  /** Decides about each request from now on; all pass when undefined. */
  intercept(decide: ((request: ProxiedRequest) => ProxyVerdict) | undefined): void
  /** Holds each request for this long before it goes on. 0 ends it. */
  delay(ms: number): void
  /** Closes the connections that are open. */
  cutAll(): void
  /** Refuses connections, as a server that is down, and cuts those that are open; until `accept`. */
  refuse(): Promise<void>
  accept(): Promise<void>
  stop(): Promise<void>
}

/** Starts a proxy inside this process for HTTP, in plain text to its target. */
export async function httpProxy(options: HttpProxyOptions): Promise<HttpProxy> {
  const target = new URL(options.target)
  const port = await freePort()
  const agent = new Agent({ keepAlive: true })
  const requests: ProxiedRequest[] = []
  const open = new Set<Socket>()
  let connections = 0
  let delayMs = 0
  let decide: ((request: ProxiedRequest) => ProxyVerdict) | undefined
  let server: ReturnType<typeof createServer> | undefined

  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const proxied: ProxiedRequest = {
      method: incoming.method ?? '',
      path: (incoming.url ?? '').slice(target.pathname.replace(/\/$/, '').length),
      authorization: incoming.headers.authorization,
    }
    requests.push(proxied)
    if (delayMs > 0) await sleep(delayMs)
    // Nobody waits any more.
    if (outgoing.destroyed) return
    const verdict = decide?.(proxied) ?? 'pass'
    if (verdict === 'cut') outgoing.destroy()
    else if (verdict === 'pass' || verdict === 'swallow') {
      forward(target, agent, incoming, outgoing, verdict === 'pass')
    } else if (verdict !== 'hang') await answer(outgoing, verdict)
  }
  const accept = async (): Promise<void> => {
    if (server !== undefined) return
    const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
      outgoing.on('error', () => {})
      void handle(incoming, outgoing)
    }
    const listening = options.tls ? createTlsServer(options.tls, listener) : createServer(listener)
    server = listening
    listening.on('connection', (socket: Socket) => {
      connections++
      open.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => open.delete(socket))
    })
    listening.listen(port, '127.0.0.1')
    await once(listening, 'listening')
  }
  const cutAll = (): void => {
    for (const socket of open) socket.destroy()
  }
  const refuse = async (): Promise<void> => {
    const closing = server
    server = undefined
    const closed = closing === undefined ? undefined : once(closing, 'close')
    closing?.close()
    cutAll()
    await closed
  }
  const stop = async (): Promise<void> => {
    await refuse()
    agent.destroy()
  }

  await accept()
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}${target.pathname.replace(/\/$/, '')}`,
    requests,
    get connections() {
      return connections
    },
    intercept(next) {
      decide = next
    },
    delay(ms) {
      delayMs = ms
    },
    cutAll,
    refuse,
    accept,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function forward(
  target: URL,
  agent: Agent,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  passes: boolean,
): void {
  const { host: _host, connection: _connection, ...headers } = incoming.headers
  const path = incoming.url ?? ''
  const { hostname, port } = target
  const sent = request({ hostname, port, path, method: incoming.method, headers, agent }, answer => {
    if (!passes) {
      answer.resume()
      outgoing.destroy()
      return
    }
    const { connection: _hop, 'transfer-encoding': _coding, ...rest } = answer.headers
    outgoing.writeHead(answer.statusCode ?? 502, rest)
    answer.pipe(outgoing)
  })
  sent.once('error', () => outgoing.destroy())
  outgoing.once('close', () => sent.destroy())
  incoming.pipe(sent)
}

async function answer(
  outgoing: ServerResponse,
  { status, headers, pieces = [], pieceMs = 0 }: ProxyAnswer,
): Promise<void> {
  outgoing.writeHead(status, { 'content-type': 'application/json', ...headers })
  for (const piece of pieces) {
    if (outgoing.destroyed) return
    outgoing.write(piece)
    if (pieceMs > 0) await sleep(pieceMs)
  }
  outgoing.end()
}
