import { Observable } from 'rxjs'
import type { Codecs } from './codecs.js'
import { compose } from './compose.js'
import type { RequestContext } from './context.js'
import { dataSchemaOf, readEnvelope } from './envelope.js'
import { BusbarError, type BusbarErrorCode } from './error.js'
import { Fifo } from './fifo.js'
import { MessageHeaders, type UserHeaders } from './headers.js'
import { layersOf, type Middleware } from './middleware.js'
import type { Publisher } from './publish.js'
import { replyHeader } from './reply-headers.js'
import type { ReplyInbox } from './reply-inbox.js'
import type { AnyRequest } from './request.js'
import type { Runtime } from './runtime.js'
import type { InboundRecord } from './transport.js'
import { positive } from './validate.js'

export interface RequestCallOptions {
  /** How long to wait for the reply, in milliseconds, everything included. Default: the bus's, 5,000 if not set. */
  readonly timeoutMs?: number
  /** Stops waiting; the call rejects with `ABORTED`. A responder may still run. */
  readonly signal?: AbortSignal
  readonly key?: string | Uint8Array | null
  readonly headers?: UserHeaders
}

export interface RequestManyOptions extends RequestCallOptions {
  /** Complete after this many replies. Default: when the time is over. */
  readonly count?: number
}

/** What one of several responders answered: its reply or its error, so that one failure does not end the others. */
export type RequestOutcome<Reply> =
  | { readonly ok: true; readonly reply: Reply; readonly source: string }
  | { readonly ok: false; readonly error: BusbarError; readonly source: string }

export interface RequesterOptions {
  readonly publisher: Publisher
  readonly inbox: ReplyInbox
  readonly codecs: Codecs
  readonly runtime: Runtime
  /** See `PublisherOptions.gate`. */
  readonly gate: () => Promise<void> | undefined
  readonly middleware: () => readonly Middleware[]
  readonly timeoutMs: number
  /** Requests that may wait for replies; at the limit further ones wait for their turn, within their time. */
  readonly maxPending: number
}

/** Sends requests and brings their replies to whoever waits for them. */
export class Requester {
  readonly #options: RequesterOptions
  readonly #calls = new Set<(error: BusbarError) => void>()
  #active = 0
  readonly #turns = new Fifo<() => void>()
  #closed: BusbarError | undefined

  constructor(options: RequesterOptions) {
    this.#options = options
  }

  async request(request: AnyRequest, payload: unknown, options: RequestCallOptions): Promise<unknown> {
    const layers = layersOf('request', this.#options.middleware())
    if (layers.length === 0) return this.#send(request, payload, options)
    const { runtime } = this.#options
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs
    let reply: { readonly of: unknown } | undefined
    await compose<RequestContext>(layers, async () => {
      reply = { of: await this.#send(request, payload, options) }
    })({ event: request.name, topic: request.topic.name, payload, timeoutMs, runtime })
    if (reply) return reply.of
    throw new BusbarError(
      'MIDDLEWARE_MISUSED',
      `a middleware ended the request ${request.name} without sending it: throw an error to refuse a request`,
    )
  }

  #send(request: AnyRequest, payload: unknown, options: RequestCallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const end = this.#call(request, payload, options, {
        reply: record => {
          end()
          decodeReply(this.#options.codecs, request, record).then(resolve, reject)
        },
        fail: reject,
        timeout: timeoutMs =>
          reject(
            new BusbarError(
              'REQUEST_TIMEOUT',
              `no reply to ${request.name} within ${timeoutMs} ms: is a responder running, and is it fast enough? (option timeoutMs)`,
            ),
          ),
      })
    })
  }

  requestMany(
    request: AnyRequest,
    payload: unknown,
    options: RequestManyOptions,
  ): Observable<RequestOutcome<unknown>> {
    return new Observable(subscriber => {
      let left = positive('count', options.count ?? Number.POSITIVE_INFINITY)
      // Replies are decoded one after the other, so that they are emitted in the order in which they came.
      let decoded = Promise.resolve()
      const emit = async (record: InboundRecord) => {
        const source = sourceOf(record)
        try {
          subscriber.next({
            ok: true,
            reply: await decodeReply(this.#options.codecs, request, record),
            source,
          })
        } catch (thrown) {
          subscriber.next({
            ok: false,
            error: BusbarError.from(thrown, 'REMOTE_FAILED', `${request.name} failed`),
            source,
          })
        }
      }
      const complete = () => void decoded.then(() => subscriber.complete())
      return this.#call(request, payload, options, {
        reply: record => {
          left -= 1
          if (left < 0) return
          decoded = decoded.then(() => emit(record))
          if (left === 0) complete()
        },
        fail: error => subscriber.error(error),
        timeout: complete,
      })
    })
  }

  /** Fails every call that waits, and those to come. */
  close(error: BusbarError): void {
    this.#closed = error
    for (const fail of [...this.#calls]) fail(error)
  }

  /** One request under way. Returns what ends it; after that nothing is called back. */
  #call(request: AnyRequest, payload: unknown, options: RequestCallOptions, on: CallEvents): () => void {
    const { runtime, inbox, publisher } = this.#options
    const timeoutMs = positive('timeoutMs', options.timeoutMs ?? this.#options.timeoutMs)
    const correlationId = runtime.uuid()
    const deadline = runtime.now() + timeoutMs
    let open = true
    let hasTurn = false
    let forget = () => {}
    const end = () => {
      if (!open) return
      open = false
      timer.cancel()
      forget()
      options.signal?.removeEventListener('abort', onAbort)
      this.#calls.delete(fail)
      if (hasTurn) this.#nextTurn()
    }
    const fail = (error: BusbarError) => {
      if (!open) return
      end()
      on.fail(error)
    }
    const onAbort = () =>
      fail(
        new BusbarError('ABORTED', `the request ${request.name} was aborted by its caller`, {
          cause: options.signal?.reason,
        }),
      )
    const timer = runtime.setTimer(timeoutMs, () => {
      end()
      on.timeout(timeoutMs)
    })
    this.#calls.add(fail)
    const send = async () => {
      await this.#turn()
      hasTurn = true
      if (!open) return this.#nextTurn()
      await this.#options.gate()
      const address = await inbox.open()
      if (!open) return
      forget = inbox.expect(correlationId, record => open && on.reply(record))
      await publisher.publish(request, payload, options, {
        headers: {
          [replyHeader.correlationId]: correlationId,
          [replyHeader.replyTopic]: address.topic,
          [replyHeader.replyPartition]: String(address.partition),
          [replyHeader.deadline]: String(deadline),
        },
      })
    }
    if (this.#closed) fail(this.#closed)
    else if (options.signal?.aborted) onAbort()
    if (!open) return end
    options.signal?.addEventListener('abort', onAbort, { once: true })
    send().catch(thrown =>
      fail(BusbarError.from(thrown, 'PUBLISH_FAILED', `sending the request ${request.name}`)),
    )
    return end
  }

  #turn(): Promise<void> | undefined {
    this.#active += 1
    if (this.#active <= this.#options.maxPending) return undefined
    return new Promise(resolve => this.#turns.push(resolve))
  }

  #nextTurn(): void {
    this.#active -= 1
    this.#turns.shift()?.()
  }
}

interface CallEvents {
  readonly reply: (record: InboundRecord) => void
  readonly fail: (error: BusbarError) => void
  readonly timeout: (timeoutMs: number) => void
}

function sourceOf(record: InboundRecord): string {
  try {
    return readEnvelope(record)?.source ?? ''
  } catch {
    return ''
  }
}

const noBytes = new Uint8Array(0)

/** The reply that a record holds; rejects with the error that it holds instead. */
async function decodeReply(codecs: Codecs, request: AnyRequest, record: InboundRecord): Promise<unknown> {
  const headers = new MessageHeaders(record.headers)
  const message = headers.get(replyHeader.errorMessage)
  const nestError = headers.get(replyHeader.nestError)
  if (message === undefined && nestError === undefined) {
    try {
      return await codecs.reply(request).decode(record.value ?? noBytes, dataSchemaOf(headers))
    } catch (thrown) {
      const error = BusbarError.from(thrown, 'DECODE_FAILED', 'the codec failed')
      throw new BusbarError(error.code, `decoding the reply to ${request.name}: ${error.message}`, {
        cause: error,
      })
    }
  }
  const declared = request.errors.get(headers.get(replyHeader.errorName) ?? '')
  if (declared) {
    const decode = async () =>
      codecs.declaredError(request, declared).decode(record.value ?? noBytes, dataSchemaOf(headers))
    const data = await decode().catch((thrown: unknown) => {
      const error = BusbarError.from(thrown, 'DECODE_FAILED', 'the codec failed')
      throw new BusbarError(
        error.code,
        `decoding the error ${declared.errorName} of ${request.name}: ${error.message}`,
        { cause: error },
      )
    })
    throw new declared(data as never, message)
  }
  const code = headers.get(replyHeader.errorCode) as BusbarErrorCode | undefined
  const responder = sourceOf(record) || 'the responder'
  throw new BusbarError(
    'REMOTE_FAILED',
    `${request.name} failed in ${responder}${code ? ` with ${code}` : ''}: ${message ?? nestMessage(nestError)}`,
  )
}

/** NestJS sends an error as text, or an object with a message as JSON. */
function nestMessage(text = ''): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown }
    return typeof message === 'string' ? message : text
  } catch {
    return text
  }
}
