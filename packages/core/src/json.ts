import { BusbarError, reasonOf } from './error.js'

const noBytes = new Uint8Array(0)
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A payload as JSON text. @throws BusbarError `ENCODE_FAILED` */
export function encodeJson(payload: unknown): Uint8Array {
  let text: string | undefined
  try {
    text = JSON.stringify(payload)
  } catch (thrown) {
    // The lines after the first name properties of the payload.
    throw new BusbarError(
      'ENCODE_FAILED',
      `JSON cannot hold this payload: ${reasonOf(thrown).split('\n')[0]}`,
      { cause: thrown },
    )
  }
  if (text !== undefined) return Buffer.from(text)
  // JSON has no undefined: an empty value stands for it, so that an event without payload and a reply of nothing work.
  if (payload === undefined) return noBytes
  throw new BusbarError('ENCODE_FAILED', `JSON cannot hold a payload of type ${typeof payload}`)
}

/** The payload of JSON text. @throws BusbarError `DECODE_FAILED` */
export function decodeJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch (thrown) {
    // V8 quotes the text around a fault, which is payload: the message says only what kind of fault it is.
    const reason = thrown instanceof SyntaxError ? 'not valid JSON' : 'not valid UTF-8'
    throw new BusbarError('DECODE_FAILED', `the value (${bytes.length} bytes) is ${reason}`)
  }
}
