import type { Codec } from '../codec.js'
import type { AnyEvent } from '../event.js'
import type { Logger } from '../logger.js'
import type { EncodeOptions } from '../publish.js'
import type { Runtime } from '../runtime.js'
import type { StateProvider } from '../state/state-store.js'
import type { OutboundRecord } from '../transport.js'
import type { OutgoingRecord } from './observers.js'
import type { RecordScope } from './record-flow.js'
import type { StoreReader } from './store-reader.js'
import type { Topology } from './topology.js'

/** What operators with a state are built with: the topology of their group, and what they need of the bus. */
export interface TopologyBuilder {
  readonly topology: Topology
  /** Where stores are, unless an operator says otherwise. */
  readonly state: StateProvider
  readonly runtime: Runtime
  readonly logger: Logger
  /** The codec of an event on this bus. */
  readonly codecOf: (event: AnyEvent) => Codec<never, unknown>
  /** Notes an event that is read or written; its topic and schemas are made sure of when the bus starts. */
  readonly uses: (event: AnyEvent, how: 'read' | 'write') => void
  readonly encode: (event: AnyEvent, payload: unknown, options: EncodeOptions) => Promise<OutboundRecord>
  /** A record that deletes a key of a compacted topic. */
  readonly tombstone: (event: AnyEvent, key: Uint8Array) => OutboundRecord
  /** A record that was not encoded as an event, with what middleware that observes adds to its headers: a trace, a correlation. */
  readonly outgoing: (
    record: OutboundRecord,
    about: OutgoingRecord,
  ) => OutboundRecord | Promise<OutboundRecord>
  /** What tells that an event was published, to be called once it is committed; undefined where nobody listens. */
  readonly published: (event: AnyEvent) => (() => void) | undefined
  /** Reads what is committed of a store. */
  readonly reader: (store: string) => StoreReader
}

/** Options of every operator that keeps something. */
export interface StoreOptions {
  /** Names the store within its group, and its changelog topic `<group>.<store>.changelog`; stable across restarts. */
  readonly store: string
  /** Where it is kept. Default: the bus's `state`. */
  readonly state?: StateProvider
}

/** Adds a store whose partitions are those of a topic. */
export function addStore(
  { topology, state }: TopologyBuilder,
  options: StoreOptions,
  like: string,
  timeOf?: (key: Uint8Array) => number | undefined,
): void {
  const changelog = topology.internalTopic(options.store, 'changelog')
  topology.addStore({
    name: options.store,
    state: options.state ?? state,
    changelog,
    like,
    ...(timeOf ? { timeOf } : {}),
  })
}

/** Tells that an event was published, once it is committed. */
export function tellPublished({ published }: TopologyBuilder, event: AnyEvent, scope: RecordScope): void {
  const tell = published(event)
  if (tell) scope.afterCommit(tell)
}
