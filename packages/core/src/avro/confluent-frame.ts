import { BusbarError } from '../error.js'

/** The Confluent wire format: a zero byte, the schema's id in four bytes (big-endian), and the value. */
export const frameHeader = 5

export function writeFrame(frame: Buffer, id: number): void {
  frame[0] = 0
  frame.writeUInt32BE(id, 1)
}

/** The schema's id. Throws `DECODE_FAILED` for what is no such frame. */
export function readFrame(bytes: Uint8Array): number {
  const [magic, a = 0, b = 0, c = 0, d = 0] = bytes
  if (bytes.length < frameHeader) {
    throw notFramed(`${bytes.length} bytes are too few for its header of ${frameHeader}`)
  }
  if (magic !== 0) throw notFramed(`it begins with byte ${magic}, and not with 0`)
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}

function notFramed(why: string): BusbarError {
  return new BusbarError('DECODE_FAILED', `this value is not in the Confluent wire format: ${why}`)
}
