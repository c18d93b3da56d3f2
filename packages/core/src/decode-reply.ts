import type { Codecs } from './codecs.js'
import { dataSchemaOf, readEnvelope } from './envelope.js'
import { BusbarError, type BusbarErrorCode } from './error.js'
import { MessageHeaders } from './headers.js'
import { replyHeader } from './reply-headers.js'
import type { AnyRequest } from './request.js'
import type { InboundRecord } from './transport.js'

/** The bus that a reply comes from; empty where it does not say so. */
export function sourceOf(record: InboundRecord): string {
  try {
    return readEnvelope(record)?.source ?? ''
  } catch {
    return ''
  }
}

const noBytes = new Uint8Array(0)

/** The reply that a record holds; rejects with the error that it holds instead. */
export async function decodeReply(
  codecs: Codecs,
  request: AnyRequest,
  record: InboundRecord,
): Promise<unknown> {
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
