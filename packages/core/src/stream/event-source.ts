import type { AnyEvent } from '../event.js'
import type { InboundRecord } from '../transport.js'
import { EventValueCodec, envelopeOf, isOf } from './event-value.js'
import { KeyedStream } from './keyed-stream.js'
import { Flow, type KeyedRecord, type RecordScope } from './record-flow.js'
import { Table } from './table.js'
import type { TableUpdate } from './table-update.js'
import { addStore, type StoreOptions, type TopologyBuilder } from './topology-builder.js'

/** The event time of a payload, in milliseconds since the epoch. */
export type TimestampOf<V> = (payload: V) => number

/** The records of an event as a stream. Tombstones are not in it. */
export function eventStream<V>(
  builder: TopologyBuilder,
  event: AnyEvent,
  timestamp: TimestampOf<V> | undefined,
): KeyedStream<V> {
  const flow = new Flow<KeyedRecord<V>>()
  const codec = new EventValueCodec<V>(event, () => builder.codecOf(event))
  builder.uses(event, 'read')
  builder.topology.addSource({
    topic: event.topic.name,
    event: event.name,
    envelopeOf: record => envelopeOf(event, record),
    timeOf: record => record.timestampMs,
    process: async (record, scope) => {
      if (!isOf(event, record) || record.value === null) return
      const raw = codec.raw(record)
      const value = await codec.payload(record, raw)
      scope.decoded(value)
      const timestampMs = timeOf(record, value, timestamp, scope)
      if (timestampMs !== undefined) await flow.push({ key: record.key, value, raw, timestampMs }, scope)
    },
  })
  return new KeyedStream(builder, flow, event.topic.name, codec)
}

/** The latest value of each key of an event's topic. A tombstone deletes its key. */
export function eventTable<V>(builder: TopologyBuilder, event: AnyEvent, options: StoreOptions): Table<V> {
  const updates = new Flow<TableUpdate<V>>()
  const codec = new EventValueCodec<V>(event, () => builder.codecOf(event))
  const topic = event.topic.name
  builder.uses(event, 'read')
  addStore(builder, options, topic)
  builder.topology.addSource({
    topic,
    event: event.name,
    envelopeOf: record => envelopeOf(event, record),
    timeOf: record => record.timestampMs,
    process: async (record, scope) => {
      const { key, timestampMs } = record
      if (!isOf(event, record)) return
      if (key === null) return scope.drop('no-key', timestampMs)
      const store = scope.store(options.store)
      const stored = await codec.read(await store.get(key))
      if (scope.cameBack && stored && stored.timestampMs > timestampMs)
        return scope.drop('superseded', timestampMs)
      const previous = stored?.value
      const raw = codec.raw(record)
      const value = record.value === null ? undefined : await codec.payload(record, raw)
      scope.decoded(value)
      if (value === undefined) store.delete(key)
      else store.put(key, codec.stored(raw, timestampMs))
      if (value === undefined && previous === undefined) return
      await updates.push({ key, value, previous, timestampMs }, scope)
    },
  })
  return new Table(builder, options.store, topic, updates, codec, topic)
}

function timeOf<V>(
  record: InboundRecord,
  value: V,
  timestamp: TimestampOf<V> | undefined,
  scope: RecordScope,
): number | undefined {
  const timestampMs = timestamp ? timestamp(value) : record.timestampMs
  if (Number.isSafeInteger(timestampMs) && timestampMs >= 0) return timestampMs
  scope.drop('no-time', timestampMs)
  return undefined
}
