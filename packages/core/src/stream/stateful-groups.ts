import { envelopeHeaders } from '../envelope.js'
import { BusbarError } from '../error.js'
import type { AnyEvent, EventDefinition } from '../event.js'
import { requireName } from '../event.js'
import type { JoinedGroup } from '../lag-watch.js'
import type { Publisher } from '../publish.js'
import type { StateProvider } from '../state/state-store.js'
import { topicOf } from '../topic.js'
import type { OutboundRecord, TransportEvent } from '../transport.js'
import { eventStream, eventTable, type TimestampOf } from './event-source.js'
import type { KeyedStream } from './keyed-stream.js'
import type { DroppedRecord } from './record-flow.js'
import { StatefulGroup, type StatefulGroupOptions } from './stateful-group.js'
import { refuseMeaningless } from './stateful-options.js'
import type { Table } from './table.js'
import { declaredTooLate, Topology } from './topology.js'
import type { TopologyBuilder } from './topology-builder.js'

export interface StatefulGroupsOptions extends Omit<StatefulGroupOptions, 'topology' | 'from' | 'onDropped'> {
  readonly name: string
  readonly publisher: () => Publisher
  readonly state: StateProvider
  /** Whether a group has subscriptions of another kind. */
  readonly isTaken: (group: string) => boolean
  /** Throws when the bus closes. */
  readonly refuseIfClosing: (doing: string) => void
  /** Whether the groups that there are join already. */
  readonly isStarted: () => boolean
}

/** Options of a stream with operators that keep a state. */
export interface StatefulOptions<V> {
  readonly group?: string | false | undefined
  readonly from?: 'earliest' | 'latest' | undefined
  readonly timestamp?: TimestampOf<V> | undefined
  readonly onDropped?: ((dropped: DroppedRecord) => void) | undefined
}

/** Options of a table of an event. */
export interface TableOptions {
  /** The consumer group: its instances share the partitions of the table. Default: the bus's name. */
  readonly group?: string
  /** Names its store within the group. Default: the event's name. */
  readonly store?: string
  /** Where it is kept. Default: the bus's `state`. */
  readonly state?: StateProvider
}

interface Built {
  readonly group: StatefulGroup
  readonly builder: TopologyBuilder
  from: 'earliest' | 'latest' | undefined
  readonly listeners: Set<(dropped: DroppedRecord) => void>
}

/** The groups of a bus whose operators keep a state. */
export class StatefulGroups {
  readonly #options: StatefulGroupsOptions
  readonly #groups = new Map<string, Built>()

  constructor(options: StatefulGroupsOptions) {
    this.#options = options
  }

  get all(): readonly StatefulGroup[] {
    return [...this.#groups.values()].map(({ group }) => group)
  }

  /** The topics that a group reads, those of its own between its operators included. */
  get joined(): readonly JoinedGroup[] {
    return [...this.#groups].map(([group, built]) => ({
      group,
      topics: built.group.joined,
      transactional: true,
      restorations: built.group.restorations,
    }))
  }

  topicsOf(group: string): readonly string[] {
    return this.#groups.get(group)?.group.topology.inputs ?? []
  }

  has(group: string | false): boolean {
    return group !== false && this.#groups.has(group)
  }

  stream<Out, In>(event: EventDefinition<Out, In>, options: StatefulOptions<Out>): KeyedStream<Out> {
    refuseMeaningless(`stream of ${event.name}`, options)
    const built = this.#built(`stream of ${event.name}`, options.group)
    this.#setFrom(built, options.from)
    if (options.onDropped) built.listeners.add(options.onDropped)
    return eventStream<Out>(built.builder, event, options.timestamp)
  }

  table<Out, In>(
    event: EventDefinition<Out, In>,
    { group, store = event.name, state }: TableOptions,
  ): Table<Out> {
    const { builder } = this.#built(`table of ${event.name}`, group)
    return eventTable<Out>(builder, event, { store, ...(state ? { state } : {}) })
  }

  onEvent(event: TransportEvent): void {
    for (const { group } of this.#groups.values()) group.onEvent(event)
  }

  /** A record that deletes a key of a compacted topic. */
  tombstone(event: AnyEvent, key: Uint8Array): OutboundRecord {
    const { runtime, name } = this.#options
    const timestampMs = runtime.now()
    const envelope = { id: runtime.uuid(), type: event.name, source: name }
    return {
      topic: event.topic.name,
      key,
      value: null,
      headers: envelopeHeaders(envelope, timestampMs, event.codec),
      timestampMs,
    }
  }

  #built(what: string, given: string | false | undefined): Built {
    const name = given ?? this.#options.name
    this.#options.refuseIfClosing(`make a ${what}`)
    if (name === false)
      throw new BusbarError('CONFIG_INVALID', `${what}: operators with a state need a group (option "group")`)
    requireName(`${what}, option "group"`, name)
    // Its topics are named after it, and must not meet those of another group.
    topicOf(`the streams of group ${name}`, name)
    if (this.#options.isTaken(name)) throw clash(name)
    const known = this.#groups.get(name)
    if (known) return known
    if (this.#options.isStarted()) throw declaredTooLate(name)
    const built = this.#build(name)
    this.#groups.set(name, built)
    return built
  }

  #build(name: string): Built {
    const { codecs, topics, state, runtime, logger, publisher } = this.#options
    const topology = new Topology(name)
    const listeners = new Set<(dropped: DroppedRecord) => void>()
    const group: StatefulGroup = new StatefulGroup({
      ...this.#options,
      topology,
      from: () => built.from ?? 'earliest',
      onDropped: dropped => {
        logger.debug({ ...dropped, group: name }, 'a stream dropped a record')
        for (const listener of listeners) {
          try {
            listener(dropped)
          } catch (thrown) {
            logger.error({ err: thrown, group: name }, 'a listener of dropped records threw')
          }
        }
      },
    })
    const builder: TopologyBuilder = {
      topology,
      state,
      runtime,
      logger,
      codecOf: event => codecs.payload(event),
      uses: (event, how) => {
        topology.refuseFixed()
        topics.declare(event.topic)
        group.events.push({ event, how })
      },
      encode: (event, payload, options) => publisher().encode(event, payload, options),
      tombstone: (event, key) => this.tombstone(event, key),
      outgoing: (record, about) => group.observers.outgoing(record, about),
      published: event => publisher().onStored([{ kind: 'event', event: event.name }]),
      reader: store => group.reader(store),
    }
    const built: Built = { group, builder, from: undefined, listeners }
    return built
  }

  #setFrom(built: Built, from: 'earliest' | 'latest' | undefined): void {
    if (from === undefined || from === built.from) return
    if (built.from !== undefined)
      throw new BusbarError(
        'CONFIG_INVALID',
        `group ${built.group.topology.group}: "from" is a setting of the whole group and was ${built.from} before, now ${from}`,
      )
    built.from = from
  }
}

/** A group whose operators keep a state commits with transactions, and others do not. */
export function clash(group: string): BusbarError {
  return new BusbarError(
    'CONFIG_INVALID',
    `group ${group} has both operators with a state and other subscriptions: give one of them a group of its own (option "group")`,
  )
}
