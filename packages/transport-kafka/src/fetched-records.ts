import type { InboundHeaders, InboundRecord } from '@busbar/core'
import type { FetchedMessage, FetchResponse } from './kafkajs-internals.js'

export type FetchedPartition = FetchResponse['responses'][number]['partitions'][number]

export interface FetchedRecords {
  readonly records: readonly InboundRecord[]
  /** The position after what was fetched, also where its end holds no record (markers, aborted transactions). */
  readonly next: number
}

/** The type of a transaction marker that ends an aborted transaction (KIP-98: the control record key's second int16). */
const abortMarker = 0
const noHeaders: InboundHeaders = Object.freeze({})

/**
 * The records of one partition of a fetch answer from `position` on: brokers send whole batches, which may begin before
 * it. Transaction markers and records of aborted transactions are left out (read committed).
 */
export function fetchedRecords(topic: string, fetched: FetchedPartition, position: number): FetchedRecords {
  const { partition, messages } = fetched
  const isAborted = abortedFilter(fetched.abortedTransactions)
  const records: InboundRecord[] = []
  let next = position
  for (const message of messages) {
    const offset = Number(message.offset)
    const skipped = isAborted?.(message, offset) === true || message.isControlRecord === true
    if (offset < position) continue
    next = offset + 1
    if (!skipped) records.push(inboundRecord(topic, partition, offset, message))
  }
  return { records, next }
}

function inboundRecord(
  topic: string,
  partition: number,
  offset: number,
  message: FetchedMessage,
): InboundRecord {
  return {
    topic,
    partition,
    offset,
    key: message.key,
    value: message.value,
    headers: message.headers ? inboundHeaders(message.headers) : noHeaders,
    timestampMs: Number(message.timestamp),
  }
}

/** Kafka allows a header without a value: it is read as one of no bytes. */
function inboundHeaders(headers: NonNullable<FetchedMessage['headers']>): InboundHeaders {
  for (const name in headers) {
    const value: unknown = headers[name]
    if (
      !(
        value instanceof Uint8Array ||
        (Array.isArray(value) && value.every(each => each instanceof Uint8Array))
      )
    ) {
      return onlyBytes(headers)
    }
  }
  return headers as InboundHeaders
}

/**
 * kafkajs puts headers into an object that has a prototype: a header named like something of `Object.prototype` seems to
 * it to be there already, and comes as a list that begins with a function.
 */
function onlyBytes(headers: Readonly<Record<string, unknown>>): InboundHeaders {
  const bytes = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array(0))
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (!Array.isArray(value)) return [name, bytes(value)]
      const list: readonly unknown[] = value
      const isList = list[0] === null || list[0] instanceof Uint8Array
      const values = (isList ? list : list.slice(1)).map(bytes)
      return [name, values.length === 1 ? (values[0] as Uint8Array) : values]
    }),
  )
}

/**
 * Tells, for messages in the order of the log, which belong to an aborted transaction: from its first offset up to its
 * abort marker, for its producer. `undefined` where nothing was aborted.
 */
function abortedFilter(
  aborted: FetchedPartition['abortedTransactions'],
): ((message: FetchedMessage, offset: number) => boolean) | undefined {
  if (!aborted || aborted.length === 0) return undefined
  const waiting = aborted
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: Number(firstOffset) }))
    .sort((a, b) => a.firstOffset - b.firstOffset)
  const open = new Set<string>()
  return (message, offset) => {
    for (let first = waiting[0]; first !== undefined && first.firstOffset <= offset; first = waiting[0]) {
      open.add(first.producerId)
      waiting.shift()
    }
    const producerId = message.batchContext?.producerId
    if (producerId === undefined) return false
    if (message.isControlRecord) {
      if (message.key && message.key.length >= 4 && message.key.readInt16BE(2) === abortMarker)
        open.delete(producerId)
      return false
    }
    return message.batchContext?.inTransaction === true && open.has(producerId)
  }
}
