import { BusbarError } from './error.js'
import type { InboundHeaders } from './transport.js'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The headers of a received record. Read as text where they are text, as bytes always. */
export class MessageHeaders implements Iterable<[name: string, value: Uint8Array]> {
  readonly #headers: InboundHeaders

  constructor(headers: InboundHeaders) {
    this.#headers = headers
  }

  /** The value as bytes; the last one where the name occurs more than once. */
  bytes(name: string): Uint8Array | undefined {
    const value = Object.hasOwn(this.#headers, name) ? this.#headers[name] : undefined
    return value instanceof Uint8Array ? value : value?.at(-1)
  }

  /**
   * The value as text; the last one where the name occurs more than once.
   * @throws BusbarError `HEADER_INVALID` if it is not UTF-8; then {@link bytes} has it.
   */
  get(name: string): string | undefined {
    const bytes = this.bytes(name)
    if (bytes === undefined) return undefined
    try {
      return utf8.decode(bytes)
    } catch (cause) {
      throw new BusbarError(
        'HEADER_INVALID',
        `header "${name}" (${bytes.length} bytes) is not valid UTF-8: read it with bytes("${name}")`,
        { cause },
      )
    }
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#headers, name)
  }

  /** Every header, a name that occurs more than once as often. */
  *[Symbol.iterator](): Iterator<[name: string, value: Uint8Array]> {
    for (const [name, value] of Object.entries(this.#headers)) {
      if (Array.isArray(value)) for (const each of value) yield [name, each]
      else yield [name, value as Uint8Array]
    }
  }
}

/** A header as text, whatever its bytes: where what can't be read must not fail the record. */
export function textIn(headers: MessageHeaders, name: string): string | undefined {
  const bytes = headers.bytes(name)
  return bytes && Buffer.from(bytes).toString()
}

/** Headers that a user may add when publishing. */
export type UserHeaders = Readonly<Record<string, string | Uint8Array>>

const reserved = /^(ce_|busbar-|kafka_)|^content-type$/

/**
 * Refuses names that the envelope uses and text that has no UTF-8 form.
 * @throws BusbarError `HEADER_INVALID`
 */
export function checkUserHeaders(headers: UserHeaders, doing: string): void {
  for (const [name, value] of Object.entries(headers)) {
    // `__proto__` can be no property of a plain object, and headers travel as one.
    if (name === '' || name === '__proto__' || reserved.test(name)) {
      throw new BusbarError(
        'HEADER_INVALID',
        `${doing}: header "${name}" is reserved for the envelope: choose another name`,
      )
    }
    const isFit = typeof value === 'string' ? value.isWellFormed() : value instanceof Uint8Array
    if (!isFit || !name.isWellFormed()) {
      throw new BusbarError('HEADER_INVALID', `${doing}: header "${name}" must be well-formed text or bytes`)
    }
  }
}
