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

/**
 * Whether JSON carries a value as it is. Not so: dates and whatever else has `toJSON`, maps and sets, numbers that are not
 * finite, `undefined` in arrays. For values that JSON can hold: one that contains itself never comes to an end.
 */
function isPlainJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isPlainJson)
  return typeof value === 'object' && isPlainObject(value)
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const each of Object.values(value)) {
    // Left out by JSON, which to a reader is the same.
    if (each !== undefined && !isPlainJson(each)) return false
  }
  return true
}

/**
 * Checks what was written where JSON turned the payload into something else: a date is text by then, and a schema that wants
 * a date would refuse it at every reader. `validate` throws, or rejects, for what the schema refuses.
 * @throws BusbarError `PAYLOAD_INVALID`
 */
export function checkWritten(
  payload: unknown,
  bytes: Uint8Array,
  validate: (written: unknown) => void | Promise<void>,
): Uint8Array | Promise<Uint8Array> {
  if (payload === undefined || isPlainJson(payload)) return bytes
  const refuse = (thrown: unknown): never => {
    const { message } = BusbarError.from(thrown, 'PAYLOAD_INVALID', 'validating it')
    throw new BusbarError(
      'PAYLOAD_INVALID',
      `JSON turns this payload into what its readers refuse: ${message}. Give what JSON can carry, or a schema that converts it, as z.coerce.date() does`,
      { cause: thrown },
    )
  }
  try {
    const validating = validate(decodeJson(bytes))
    return validating instanceof Promise ? validating.then(() => bytes, refuse) : bytes
  } catch (thrown) {
    return refuse(thrown)
  }
}
