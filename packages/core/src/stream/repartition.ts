import type { Codec } from '../codec.js'
import { eventIdOf } from '../envelope.js'
import { MessageHeaders, textIn } from '../headers.js'
import type { InboundRecord, OutboundRecord } from '../transport.js'
import { KeyedStream } from './keyed-stream.js'
import { Flow, type KeyedRecord, type RecordScope } from './record-flow.js'
import { keyBytes } from './state-keys.js'
import { ValueCodec } from './stored-value.js'
import type { TopologyBuilder } from './topology-builder.js'

export interface RepartitionOptions<V> {
  /** Names the topic `<group>.<name>.repartition`; stable across restarts. */
  readonly name: string
  /** How values are written to it. Default: events as they came, other values as JSON. */
  readonly codec?: Codec<V>
  /** Of that topic when it is made. Default: as many as the input has. */
  readonly partitions?: number
}

const eventTimeHeader = 'busbar-event-time'
const changeHeader = 'busbar-change'

/** What a record in a repartition topic is about: for a table's, whether the value is taken in or out. */
export type Change = 'add' | 'subtract'

/** A topic of the group's own between two of its operators: sends what comes in by its new key, and goes on with what comes out. */
export class Repartition<V> {
  readonly topic: string
  readonly added = new Flow<KeyedRecord<V>>()
  readonly subtracted = new Flow<KeyedRecord<V>>()
  readonly #codec: ValueCodec<V>
  readonly #builder: TopologyBuilder

  constructor(builder: TopologyBuilder, like: string, codec: ValueCodec<V>, options: RepartitionOptions<V>) {
    const { topology } = builder
    const { partitions } = options
    this.topic = topology.internalTopic(options.name, 'repartition')
    this.#codec = codec
    this.#builder = builder
    topology.addInternal(this.topic, partitions === undefined ? { like } : { like, partitions })
    topology.addSource({
      topic: this.topic,
      event: this.topic,
      envelopeOf: record => ({ id: eventIdOf(record), type: this.topic, source: '' }),
      timeOf: timeIn,
      process: (record, scope) => this.#process(record, scope),
    })
  }

  async send(
    key: Uint8Array,
    record: { readonly value: V; readonly raw?: Uint8Array; readonly timestampMs: number },
    scope: RecordScope,
    change: Change = 'add',
  ): Promise<void> {
    const sent: OutboundRecord = {
      topic: this.topic,
      key,
      value: await this.#codec.encodeRecord(record),
      headers: { [eventTimeHeader]: String(record.timestampMs), [changeHeader]: change },
      timestampMs: this.#builder.runtime.now(),
    }
    const about = { origin: scope.origin, event: this.topic, payload: record.value }
    scope.send(await this.#builder.outgoing(sent, about))
  }

  async #process(record: InboundRecord, scope: RecordScope): Promise<void> {
    const { key, value: raw } = record
    if (raw === null) return
    const value = await this.#codec.decode(raw)
    scope.decoded(value)
    const flow =
      textIn(new MessageHeaders(record.headers), changeHeader) === 'subtract' ? this.subtracted : this.added
    await flow.push({ key, value, raw, timestampMs: timeIn(record) }, scope)
  }
}

/** A stream with another key, through a topic of the group's own. */
export function repartition<V>(
  stream: KeyedStream<V>,
  keyOf: (value: V) => string | Uint8Array,
  options: RepartitionOptions<V>,
): KeyedStream<V> {
  const { builder, like } = stream
  const codec = options.codec ? new ValueCodec(options.codec) : stream.codec
  const through = new Repartition(builder, like, codec, options)
  stream.flow.attach((record, scope) => through.send(keyBytes(keyOf(record.value)), record, scope))
  return new KeyedStream(builder, through.added, through.topic, codec)
}

function timeIn(record: InboundRecord): number {
  return Number(textIn(new MessageHeaders(record.headers), eventTimeHeader) ?? record.timestampMs)
}
