import type { InboundHeaders, InboundRecord, OutboundHeaders, OutboundRecord, TopicPartition } from '@busbar/core'
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

type StoredHeader = readonly [name: string, value: Uint8Array | readonly Uint8Array[]]

/** Copies what a caller gave, so that changing its buffers afterwards changes nothing here. */
export function contentOf(record: OutboundRecord, arena: ByteArena): RecordContent {
  const key = record.key && arena.copy(record.key)
  const value = record.value && arena.copy(record.value)
  const headers = storedHeaders(record.headers, arena)
  let byteLength = (key?.byteLength ?? 0) + (value?.byteLength ?? 0)
  for (const [name, content] of headers) {
    if (content instanceof Uint8Array) byteLength += name.length + content.byteLength
    else for (const one of content) byteLength += name.length + one.byteLength
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
  const stored: StoredHeader[] = []
  for (const name of Object.keys(headers)) {
    const value = headers[name] as OutboundHeaders[string]
    if (typeof value === 'string' || value instanceof Uint8Array) {
      stored.push([name, bytesOf(value, arena)])
    } else if (value.length === 1) {
      // On the wire a list of one is a single header.
      stored.push([name, bytesOf(value[0] as string | Uint8Array, arena)])
    } else if (value.length > 1) {
      stored.push([name, value.map(one => bytesOf(one, arena))])
    }
  }
  return stored
}

function inboundHeaders(stored: readonly StoredHeader[], arena: ByteArena): InboundHeaders {
  const headers: Record<string, Uint8Array | readonly Uint8Array[]> = {}
  for (const [name, content] of stored) {
    const value = content instanceof Uint8Array ? arena.copy(content) : content.map(one => arena.copy(one))
    // Assigning to this name would set the prototype instead.
    if (name === '__proto__') Object.defineProperty(headers, name, { value, enumerable: true })
    else headers[name] = value
  }
  return headers
}

const encoder = new TextEncoder()

const bytesOf = (value: string | Uint8Array, arena: ByteArena): Uint8Array =>
  typeof value === 'string' ? encoder.encode(value) : arena.copy(value)
