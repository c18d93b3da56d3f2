import type { Codec } from './codec.js'
import { codecOf } from './codec.js'
import type { Codecs } from './codecs.js'
import type { DeliveryContext } from './context.js'
import { DeclaredError, type DeclaredErrorClass } from './declared-error.js'
import { BusbarError, reasonOf } from './error.js'
import type { Publishable, Publisher } from './publish.js'
import { type ReplyAddress, replyAddressOf, replyHeader } from './reply-headers.js'
import type { AnyRequest } from './request.js'
import type { Runtime } from './runtime.js'
import { packAnswer, unpackAnswer } from './stored-answer.js'

export interface ResponderOptions {
  readonly request: AnyRequest
  readonly handler: (payload: unknown, context: DeliveryContext) => unknown
  readonly publisher: Publisher
  readonly codecs: Codecs
  readonly runtime: Runtime
}

/** The innermost function of a reply subscription: runs the handler and answers with its result. */
export function responder(options: ResponderOptions): (context: DeliveryContext) => Promise<void> {
  return async context => {
    if (isExpired(context, options.runtime)) {
      context.logger.debug('skipped a request whose deadline has passed')
      context.conclude('skipped', 'expired')
      return
    }
    const reply = await options.handler(context.payload, context)
    context.result = packAnswer({
      headers: {},
      value: await options.codecs.reply(options.request).encode(reply as never),
    })
    await replayer(options)(context, context.result)
  }
}

/** Answers a request with an encoded reply: the handler's, or that of the first delivery to a duplicate. */
export function replayer(
  options: ResponderOptions,
): (context: DeliveryContext, result: Uint8Array) => Promise<void> {
  return async (context, result) => {
    const { request, codecs } = options
    const { headers, value } = unpackAnswer(result)
    const declared = request.errors.get(headers[replyHeader.errorName] ?? '')
    const codec = encodedBy(declared ? codecs.declaredError(request, declared) : codecs.reply(request))
    // NestJS reads the JSON of null as a text, and takes a record without a value for null. Busbar tells null from nothing.
    const withoutValue = context.source === '' && isNoValue(codec, value)
    await send(options, context, { codec, payload: value, headers, withoutValue })
  }
}

/** The answer that a declared error is, to be kept for duplicates; undefined for any other failure. */
export function answerOf(options: ResponderOptions): (thrown: unknown) => Promise<Uint8Array> | undefined {
  return thrown => {
    if (!declaredOf(options.request, thrown)) return undefined
    const { codec, payload, headers } = errorAnswer(options, thrown)
    return Promise.resolve(payload)
      .then(each => codec.encode(each as never))
      .then(value => packAnswer({ headers, value }))
  }
}

/**
 * What becomes of a request that fails, in its handler, in a middleware or because it can't be decoded: it is answered
 * with the error and not retried, since its requester decides what to do next.
 */
export function failureResponder(
  options: ResponderOptions,
): (context: DeliveryContext, thrown: unknown) => Promise<void> {
  return async (context, thrown) => {
    // A declared error is an answer like any other.
    const level = declaredOf(options.request, thrown) ? 'debug' : 'warn'
    context.logger[level]({ err: thrown }, 'request answered with an error')
    await send(options, context, errorAnswer(options, thrown))
  }
}

interface Answer {
  readonly codec: Codec<never, unknown>
  readonly payload: unknown
  readonly headers: Readonly<Record<string, string>>
  /** See `Route.withoutValue`. Default: false. */
  readonly withoutValue?: boolean
}

/** Never rejects: a request is not handled again because its answer failed. */
async function send(options: ResponderOptions, context: DeliveryContext, answer: Answer): Promise<void> {
  let address: ReplyAddress | undefined
  try {
    address = replyAddressOf(context.headers)
    if (!address) return
    await publishAnswer(options, address, answer)
  } catch (thrown) {
    const error = BusbarError.from(thrown, 'PUBLISH_FAILED', `replying to ${options.request.name}`)
    context.logger.error({ err: error, code: error.code }, 'reply could not be sent')
    // The reply itself is at fault (too large, does not match its schema): say so instead. Else the requester times out.
    if (address && !error.retryable) {
      await publishAnswer(options, address, errorAnswer(options, error)).catch(() => {})
    }
  }
}

async function publishAnswer(
  { request, publisher }: ResponderOptions,
  address: ReplyAddress,
  answer: Answer,
): Promise<void> {
  const reply: Publishable = {
    kind: 'reply',
    name: `${request.name}.reply`,
    topic: { name: address.topic },
    codec: answer.codec,
    key: undefined,
  }
  await publisher.publish(
    reply,
    answer.payload,
    {},
    {
      ...(address.partition === undefined ? undefined : { partition: address.partition }),
      withoutValue: answer.withoutValue ?? false,
      headers: {
        ...answer.headers,
        [replyHeader.correlationId]: address.correlationId,
        [replyHeader.nestDisposed]: '1',
      },
    },
  )
}

/** Whether a value is what JSON makes of null, or of nothing. */
function isNoValue({ contentType }: Codec<never, unknown>, value: Uint8Array): boolean {
  const hasNone =
    value.length === 0 || (value.length === 4 && Buffer.from(value).toString('latin1') === 'null')
  return contentType === 'application/json' && hasNone
}

/** A codec of the same name for what is encoded already. */
function encodedBy({ contentType, dataSchema }: Codec<never, unknown>): Codec<never, unknown> {
  return {
    contentType,
    ...(dataSchema === undefined ? {} : { dataSchema }),
    encode: (bytes: Uint8Array) => bytes,
    decode: bytes => bytes,
  }
}

function errorAnswer({ request, codecs }: ResponderOptions, thrown: unknown): Answer {
  const message = wellFormed(reasonOf(thrown))
  const declared = declaredOf(request, thrown)
  const headers = {
    [replyHeader.errorCode]: declared
      ? 'DECLARED'
      : thrown instanceof BusbarError
        ? thrown.code
        : 'HANDLER_FAILED',
    [replyHeader.errorMessage]: message,
    [replyHeader.nestError]: JSON.stringify({ message, status: 'error' }),
  }
  if (!declared) return { codec: codecOf(undefined), payload: undefined, headers }
  return {
    codec: codecs.declaredError(request, declared),
    payload: (thrown as DeclaredError).data,
    headers: { ...headers, [replyHeader.errorName]: declared.errorName },
  }
}

function declaredOf(request: AnyRequest, thrown: unknown): DeclaredErrorClass | undefined {
  return thrown instanceof DeclaredError ? request.errors.get(thrown.name) : undefined
}

/** At most 1,000 characters that UTF-8 can hold. */
function wellFormed(message: string): string {
  return message.slice(0, 1_000).toWellFormed()
}

function isExpired(context: DeliveryContext, runtime: Runtime): boolean {
  const deadline = context.headers.get(replyHeader.deadline) ?? ''
  return /^\d+$/.test(deadline) && Number(deadline) < runtime.now()
}
