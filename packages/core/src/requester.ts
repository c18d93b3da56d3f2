import { Observable, type Subscriber } from 'rxjs'
import type { Codecs } from './codecs.js'
import { compose } from './compose.js'
import type { RequestContext } from './context.js'
import { decodeReply, sourceOf } from './decode-reply.js'
import { BusbarError } from './error.js'
import { Fifo } from './fifo.js'
import type { UserHeaders } from './headers.js'
import { CountedReplies } from './many-replies.js'
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
  readonly gate: (what: string) => Promise<void> | undefined
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
    })({ event: request.name, topic: request.topic.name, payload, timeoutMs, many: undefined, runtime })
    if (reply) return reply.of
    throw notSent(request)
  }

  #send(request: AnyRequest, payload: unknown, options: RequestCallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let hasCome = false
      const end = this.#call(request, payload, options, {
        reply: record => {
          if (hasCome) return
          hasCome = true
          // Decoding may wait for a registry: that is a part of the request's time.
          decodeReply(this.#options.codecs, request, record).finally(end).then(resolve, reject)
        },
        fail: reject,
        timeout: (timeoutMs, isSent) => reject(lateReply(request, timeoutMs, { isSent, hasCome })),
      })
    })
  }

  requestMany(
    request: AnyRequest,
    payload: unknown,
    options: RequestManyOptions,
  ): Observable<RequestOutcome<unknown>> {
    return new Observable(subscriber => {
      const { runtime } = this.#options
      const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs
      const many = new CountedReplies(
        request.name,
        positive('count', options.count ?? Number.POSITIVE_INFINITY),
      )
      let isSent = false
      const layers = layersOf('request', this.#options.middleware())
      const run = compose<RequestContext>(layers, async () => {
        isSent = true
        many.conclude(await this.#collect(request, payload, options, many, subscriber), timeoutMs)
      })
      run({ event: request.name, topic: request.topic.name, payload, timeoutMs, many, runtime }).then(
        () => (isSent ? subscriber.complete() : subscriber.error(notSent(request))),
        thrown => subscriber.error(thrown),
      )
    })
  }

  /** Emits outcomes until it has enough, its time is over or nobody wants more. */
  #collect(
    request: AnyRequest,
    payload: unknown,
    options: RequestCallOptions,
    many: CountedReplies,
    subscriber: Subscriber<RequestOutcome<unknown>>,
  ): Promise<'count' | 'timeout' | 'unsubscribed'> {
    return new Promise((resolve, reject) => {
      let left = many.count
      let isOver = false
      const finish = (how: 'count' | 'timeout' | 'unsubscribed') => {
        isOver = true
        end()
        resolve(how)
      }
      const fail = (error: BusbarError) => {
        isOver = true
        reject(error)
      }
      // Replies are decoded one after the other, so that they are emitted in the order in which they came.
      let decoded = Promise.resolve()
      const emit = async (record: InboundRecord) => {
        const outcome = await this.#outcomeOf(request, record)
        if (isOver) return
        many.add(outcome.ok ? undefined : outcome.error)
        subscriber.next(outcome)
      }
      const end = this.#call(request, payload, options, {
        reply: record => {
          if (left <= 0) return
          left -= 1
          decoded = decoded.then(() => emit(record))
          if (left <= 0) void decoded.then(() => finish('count'))
        },
        fail,
        timeout: (timeoutMs, isSent) => {
          // A reply may be faster than the answer of the broker.
          if (isSent || left < many.count) finish('timeout')
          else fail(lateReply(request, timeoutMs, { isSent, hasCome: false }))
        },
      })
      subscriber.add(() => finish('unsubscribed'))
    })
  }

  async #outcomeOf(request: AnyRequest, record: InboundRecord): Promise<RequestOutcome<unknown>> {
    const source = sourceOf(record)
    try {
      return { ok: true, reply: await decodeReply(this.#options.codecs, request, record), source }
    } catch (thrown) {
      const error = BusbarError.from(thrown, 'REMOTE_FAILED', `${request.name} failed`)
      return { ok: false, error, source }
    }
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
    let isSent = false
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
      on.timeout(timeoutMs, isSent)
    })
    this.#calls.add(fail)
    const send = async () => {
      await this.#turn()
      hasTurn = true
      if (!open) return this.#nextTurn()
      await this.#options.gate(request.name)
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
      isSent = true
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
  readonly timeout: (timeoutMs: number, isSent: boolean) => void
}

function lateReply(
  { name }: AnyRequest,
  timeoutMs: number,
  { isSent, hasCome }: { readonly isSent: boolean; readonly hasCome: boolean },
): BusbarError {
  let what = `no reply to ${name} within ${timeoutMs} ms: is a responder running, and is it fast enough?`
  if (hasCome)
    what = `the reply to ${name} came, and was not decoded within ${timeoutMs} ms: does its codec wait for a registry?`
  else if (!isSent)
    what = `${name} was not sent within ${timeoutMs} ms: was the bus started, does its broker answer, are too many requests under way?`
  return new BusbarError('REQUEST_TIMEOUT', `${what} (option timeoutMs)`)
}

function notSent(request: AnyRequest): BusbarError {
  return new BusbarError(
    'MIDDLEWARE_MISUSED',
    `a middleware ended the request ${request.name} without sending it: throw an error to refuse a request`,
  )
}
