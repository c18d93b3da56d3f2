import * as http from 'node:http'
import * as https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionFault } from './http-faults.js'

/** What a registry is asked. */
export interface HttpQuestion {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Below the registry's URL. */
  readonly path: string
  readonly body?: unknown
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

export interface HttpCallerOptions {
  readonly url: URL
  readonly tls: https.RequestOptions
  readonly timeoutMs: number
  readonly maxResponseBytes: number
  /** Headers of every request, with credentials. */
  headers(): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
}

const ATTEMPTS = 3
const PAUSE_MS = 100
const MAX_CONNECTIONS = 16
/** A registry, or a load balancer before it, that is being restarted. */
const passing: readonly number[] = [502, 503, 504]

/**
 * Asks over HTTP, over connections that are kept. Every question of the protocol may be asked twice, so that a lost
 * connection is no failure yet: a server closes those that are idle just when it likes.
 */
export class HttpCaller {
  readonly #options: HttpCallerOptions
  readonly #agent: http.Agent

  constructor(options: HttpCallerOptions) {
    this.#options = options
    // Node lets a process end whatever idle connections an agent holds.
    const settings = { keepAlive: true, maxSockets: MAX_CONNECTIONS }
    this.#agent = options.url.protocol === 'https:' ? new https.Agent(settings) : new http.Agent(settings)
  }

  /** The answer, whatever its status. @throws ConnectionFault when none comes within the time limit. */
  async ask(question: HttpQuestion): Promise<HttpAnswer> {
    const clock = new AbortController()
    const timer = setTimeout(() => clock.abort(), this.#options.timeoutMs)
    try {
      return await this.#askWithin(question, clock.signal)
    } finally {
      clearTimeout(timer)
    }
  }

  async #askWithin(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
    const headers = await inTime(signal, this.#options.headers(), this.#timedOut())
    for (let attempt = 1; ; attempt += 1) {
      // Only the first attempt may take a connection that was kept, and may be dead for long.
      const agent = attempt === 1 ? this.#agent : false
      try {
        const answer = await this.#send(question, headers, agent, signal)
        if (attempt === ATTEMPTS || !passing.includes(answer.status)) return answer
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof ConnectionFault) || !error.passing) throw error
      }
      // At once the first time: that is where a kept connection was closed.
      if (attempt > 1) await inTime(signal, sleep(PAUSE_MS * attempt), this.#timedOut())
    }
  }

  #send(
    { method, path, body }: HttpQuestion,
    headers: Readonly<Record<string, string>>,
    agent: http.Agent | false,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const { url, tls, maxResponseBytes } = this.#options
    const text = body === undefined ? undefined : JSON.stringify(body)
    const length = text === undefined ? {} : { 'content-length': Buffer.byteLength(text) }
    const isTls = url.protocol === 'https:'
    const options: https.RequestOptions = {
      ...(isTls ? tls : {}),
      method,
      hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port,
      path: url.pathname.replace(/\/$/, '') + path,
      headers: { ...headers, ...length },
      agent,
    }
    return new Promise((resolve, reject) => {
      const request = (isTls ? https : http).request(options)
      const onTime = () => request.destroy(this.#timedOut())
      const fail = (error: Error) => {
        signal.removeEventListener('abort', onTime)
        reject(error instanceof ConnectionFault ? error : ConnectionFault.of(error))
      }
      request.on('error', fail)
      request.once('response', response => {
        const pieces: Buffer[] = []
        let size = 0
        response.on('data', (piece: Buffer) => {
          size += piece.length
          if (size > maxResponseBytes) request.destroy(ConnectionFault.tooLarge(maxResponseBytes))
          else pieces.push(piece)
        })
        response.once('end', () => {
          signal.removeEventListener('abort', onTime)
          const { statusCode: status = 0, headers: answered } = response
          resolve({ status, headers: answered, text: Buffer.concat(pieces).toString() })
        })
        // A body that breaks off, which is also how it ends when the request is destroyed.
        response.once('error', fail)
      })
      if (signal.aborted) onTime()
      else signal.addEventListener('abort', onTime, { once: true })
      request.end(text)
    })
  }

  #timedOut(): ConnectionFault {
    return ConnectionFault.timedOut(this.#options.timeoutMs)
  }
}

function inTime<T>(signal: AbortSignal, work: T | Promise<T>, late: Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const onTime = () => reject(late)
    if (signal.aborted) onTime()
    signal.addEventListener('abort', onTime, { once: true })
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onTime))
  })
}
