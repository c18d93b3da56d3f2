import { BusbarError, type Codec } from '@busbar/core'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Text as it is, as Nest's Kafka module writes the strings that it is given; JSON would have quotes around it. For events and requests
 * whose payload, or reply, is a string there. Fails with `ENCODE_FAILED` for anything but a string.
 */
export const plainText: Codec<string> = {
  contentType: 'text/plain',
  encode(text) {
    if (typeof text === 'string') return Buffer.from(text)
    throw new BusbarError('ENCODE_FAILED', `plain text holds a string, and no ${typeof text}`)
  },
  decode(bytes) {
    try {
      return utf8.decode(bytes)
    } catch {
      throw new BusbarError('DECODE_FAILED', `the value (${bytes.length} bytes) is not valid UTF-8`)
    }
  },
}
