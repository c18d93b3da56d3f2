import type {
  InboundHeaders,
  InboundRecord,
  OutboundHeaders,
  OutboundRecord,
  TopicPartition,
} from '@busbar/core'
import type { ByteArena } from './byte-arena.js'

/** A record as the log keeps it: bytes of its own, which nobody outside ever sees. */
export interface StoredRecord {
  readonly offset: number
  readonly content: RecordContent
}

/** What a record carries, apart from its place. */
export interface RecordContent {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly StoredHeader[]
  readonly timestampMs: number
  /** Size of key, value, and the names and values of headers. */
  readonly byteLength: number
}

/** Text stays text until somebody reads it: it cannot be changed, and takes less room than bytes of its own. */
type HeaderValue = string | Uint8Array
type StoredHeader = readonly [name: string, value: HeaderValue | readonly HeaderValue[]]

/** Copies what a caller gave, so that changing its buffers afterwards changes nothing here. */
export function contentOf(record: OutboundRecord, arena: ByteArena): RecordContent {
  const key = record.key && arena.copy(record.key)
  const value = record.value && arena.copy(record.value)
  const headers = storedHeaders(record.headers, arena)
  let byteLength = (key?.byteLength ?? 0) + (value?.byteLength ?? 0)
  for (const [name, content] of headers) {
    for (const one of isSingle(content) ? [content] : content)
      byteLength += name.length + Buffer.byteLength(one)
  }
  return { key, value, headers, timestampMs: record.timestampMs, byteLength }
}

/** A copy for one consumer: what it does to it reaches neither the log nor other consumers. */
export function inboundOf(stored: StoredRecord, at: TopicPartition, arena: ByteArena): InboundRecord {
  const { key, value, headers, timestampMs } = stored.content
  return {
    topic: at.topic,
    partition: at.partition,
    offset: stored.offset,
    key: key && arena.copy(key),
    value: value && arena.copy(value),
    headers: inboundHeaders(headers, arena),
    timestampMs,
  }
}

function storedHeaders(headers: OutboundHeaders, arena: ByteArena): StoredHeader[] {
  const keep = (value: HeaderValue): HeaderValue => (typeof value === 'string' ? value : arena.copy(value))
  const stored: StoredHeader[] = []
  for (const name of Object.keys(headers)) {
    const value = headers[name] as OutboundHeaders[string]
    if (isSingle(value)) stored.push([name, keep(value)])
    // On the wire a list of one is a single header, and a list of none is no header.
    else if (value.length === 1) stored.push([name, keep(value[0] as HeaderValue)])
    else if (value.length > 1) stored.push([name, value.map(keep)])
  }
  return stored
}

function inboundHeaders(stored: readonly StoredHeader[], arena: ByteArena): InboundHeaders {
  const bytesOf = (value: HeaderValue) =>
    typeof value === 'string' ? arena.encode(value) : arena.copy(value)
  const headers: Record<string, Uint8Array | readonly Uint8Array[]> = {}
  for (const [name, content] of stored) {
    const value = isSingle(content) ? bytesOf(content) : content.map(bytesOf)
    // Assigning to this name would set the prototype instead.
    if (name === '__proto__') Object.defineProperty(headers, name, { value, enumerable: true })
    else headers[name] = value
  }
  return headers
}

const isSingle = (value: HeaderValue | readonly HeaderValue[]): value is HeaderValue =>
  typeof value === 'string' || value instanceof Uint8Array
