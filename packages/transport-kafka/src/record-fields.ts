import type { OutboundHeaders } from '@busbar/core'
import { varintSize, writeVarint } from './varint.js'

/** Of bytes with their length before them. */
export function bytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.byteLength) + bytes.byteLength
}

/** Writes bytes, or null, with their length before them; returns the position behind them. */
export function writeBytes(target: Buffer, position: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(target, position, -1)
  const length = bytes.length
  const start = writeVarint(target, position, length)
  // Below some forty bytes a loop is faster than the call.
  if (length > 40) target.set(bytes, start)
  else for (let i = 0; i < length; i++) target[start + i] = bytes[i] as number
  return start + length
}

export function headersSize(headers: OutboundHeaders): number {
  let count = 0
  let size = 0
  for (const name of Object.keys(headers)) {
    const value = headers[name] as OutboundHeaders[string]
    const nameSize = textSize(name)
    if (typeof value === 'string') {
      size += nameSize + textSize(value)
      count++
    } else if (value instanceof Uint8Array) {
      size += nameSize + bytesSize(value)
      count++
    } else {
      for (const one of value) size += nameSize + (typeof one === 'string' ? textSize(one) : bytesSize(one))
      count += value.length
    }
  }
  return varintSize(count) + size
}

/** Writes the headers of a record; returns the position behind them. */
export function writeHeaders(target: Buffer, position: number, headers: OutboundHeaders): number {
  const names = Object.keys(headers)
  let count = names.length
  for (const name of names) {
    const value = headers[name] as OutboundHeaders[string]
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) count += value.length - 1
  }
  position = writeVarint(target, position, count)
  for (const name of names) {
    const value = headers[name] as OutboundHeaders[string]
    if (typeof value === 'string') {
      position = writeText(target, writeText(target, position, name), value)
    } else if (value instanceof Uint8Array) {
      position = writeBytes(target, writeText(target, position, name), value)
    } else {
      for (const one of value) {
        position = writeText(target, position, name)
        position =
          typeof one === 'string' ? writeText(target, position, one) : writeBytes(target, position, one)
      }
    }
  }
  return position
}

function textSize(text: string): number {
  const length = utf8Length(text)
  return varintSize(length) + length
}

function writeText(target: Buffer, position: number, text: string): number {
  const length = utf8Length(text)
  const start = writeVarint(target, position, length)
  if (length !== text.length) target.write(text, start, length, 'utf8')
  else if (length > 40) target.write(text, start, length, 'latin1')
  else for (let i = 0; i < length; i++) target[start + i] = text.charCodeAt(i)
  return start + length
}

/** Headers are short and nearly always ASCII: a loop that sees it is faster than asking `Buffer.byteLength`. */
function utf8Length(text: string): number {
  const length = text.length
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text)
  return length
}
