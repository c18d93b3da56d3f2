import {
  type AnyEvent,
  defineEvent,
  type EventDefinition,
  type InboundRecord,
  memoryState,
  type OutboundRecord,
  partitionOfKey,
  type RecordPosition,
  type StateProvider,
  silentLogger,
  systemRuntime,
} from '@busbar/core'
import { codecOf } from '../../dist/codec.js'
import { envelopeHeaders } from '../../dist/envelope.js'
import { eventStream, eventTable } from '../../dist/stream/event-source.js'
import type { KeyedStream } from '../../dist/stream/keyed-stream.js'
import { type OpenStore, openStore } from '../../dist/stream/open-task.js'
import type { DroppedRecord } from '../../dist/stream/record-flow.js'
import type { StoreReader } from '../../dist/stream/store-reader.js'
import type { Table } from '../../dist/stream/table.js'
import { Task } from '../../dist/stream/task.js'
import { Topology } from '../../dist/stream/topology.js'
import type { TopologyBuilder } from '../../dist/stream/topology-builder.js'

interface Running {
  readonly task: Task
  readonly stores: ReadonlyMap<string, OpenStore>
  /** Next to process, by topic. */
  readonly next: Map<string, number>
  readonly pending: {
    readonly effects: ReturnType<Awaited<ReturnType<Task['process']>>>
    readonly record: InboundRecord
  }[]
}

export interface DriverOptions {
  readonly partitions?: number
  readonly state?: StateProvider
}

/** Runs a topology on logs in this process: it says when a record is processed, what is committed, and when it crashes. */
export class TaskDriver {
  readonly topology = new Topology('test')
  readonly dropped: DroppedRecord[] = []
  readonly #partitions: number
  readonly #state: StateProvider
  readonly #logs = new Map<string, InboundRecord[][]>()
  readonly #committed = new Map<string, number>()
  readonly #running = new Map<number, Running>()
  #ids = 0

  constructor({ partitions = 1, state = memoryState() }: DriverOptions = {}) {
    this.#partitions = partitions
    this.#state = state
  }

  stream<Out, In>(event: EventDefinition<Out, In>, timestamp?: (payload: Out) => number): KeyedStream<Out> {
    return eventStream<Out>(this.#builder, event, timestamp)
  }

  table<Out, In>(event: EventDefinition<Out, In>, store: string): Table<Out> {
    return eventTable<Out>(this.#builder, event, { store })
  }

  /** Stores an event as a publisher would; `null` is a tombstone. */
  publish<Out, In>(
    event: EventDefinition<Out, In>,
    key: string | null,
    payload: In | null,
    timestampMs = 0,
  ): void {
    const value = payload === null ? null : (event.codec.encode(payload) as Uint8Array)
    this.#append({
      ...this.#envelope(event),
      topic: event.topic.name,
      key: key === null ? null : Buffer.from(key),
      value,
      timestampMs,
    })
  }

  /** Processes everything, also what that leads to, committing after each `commitEvery` records. */
  async run(commitEvery = 1): Promise<void> {
    for (let isMore = true; isMore; ) {
      isMore = false
      for (let partition = 0; partition < this.#partitions; partition += 1) {
        for (let count = 1; await this.step(partition); count += 1) {
          isMore = true
          if (count % commitEvery === 0) this.commit(partition)
        }
        // What it led to may be for a partition that was through.
        if (this.commit(partition)) isMore = true
      }
    }
    await this.flushed()
  }

  /** Processes the next record of a partition; false when there is none. `choose` is one of the topics that have one. */
  async step(
    partition: number,
    choose: (topics: readonly string[]) => string = topics => this.#earliest(partition, topics),
  ): Promise<boolean> {
    const running = await this.#open(partition)
    const waiting = this.topology.inputs.filter(topic => this.#at(running, topic, partition) !== undefined)
    if (waiting.length === 0) return false
    const topic = choose(waiting)
    const record = this.#at(running, topic, partition) as InboundRecord
    const conclude = await running.task.process(record)
    const effects = conclude()
    running.pending.push({ effects, record })
    running.next.set(topic, record.offset + 1)
    return true
  }

  /** Commits what was processed: positions, outputs and changes; false when there is nothing. `isTold`: whether the process lives to see it. */
  commit(partition: number, isTold = true): boolean {
    const running = this.#running.get(partition)
    if (!running) return false
    const processed = running.pending.splice(0)
    for (const { effects, record } of processed) {
      const positions = effects.records.map(each => this.#append(each))
      this.#committed.set(`${record.topic}/${partition}`, record.offset + 1)
      if (isTold) effects.onCommitted?.(positions)
    }
    return processed.length > 0
  }

  /** Drops what a partition's holder has and did not commit; its next step is another holder's. */
  async crash(partition: number): Promise<void> {
    const running = this.#running.get(partition)
    this.#running.delete(partition)
    for (const { store } of running?.stores.values() ?? []) await store.close()
  }

  async crashAll(): Promise<void> {
    for (let partition = 0; partition < this.#partitions; partition += 1) await this.crash(partition)
  }

  async flushed(): Promise<void> {
    for (const { stores } of this.#running.values())
      for (const { store } of stores.values()) await store.flushed()
  }

  records(topic: string): readonly InboundRecord[] {
    return this.#partitionsOf(topic).flat()
  }

  /** The payloads that were published to a topic. */
  outputs<T = unknown>(topic: string): readonly T[] {
    return this.records(topic).map(
      ({ value }) => (value === null ? null : JSON.parse(Buffer.from(value).toString())) as T,
    )
  }

  get partitions(): number {
    return this.#partitions
  }

  #earliest(partition: number, topics: readonly string[]): string {
    const running = this.#running.get(partition) as Running
    const timeOf = (topic: string) => {
      const source = this.topology.sources.find(each => each.topic === topic)
      return source?.timeOf(this.#at(running, topic, partition) as InboundRecord) ?? 0
    }
    return [...topics].sort((one, other) => timeOf(one) - timeOf(other))[0] as string
  }

  #at(running: Running, topic: string, partition: number): InboundRecord | undefined {
    return this.#partitionsOf(topic)[partition]?.[running.next.get(topic) ?? 0]
  }

  async #open(partition: number): Promise<Running> {
    const known = this.#running.get(partition)
    if (known) return known
    const stores = new Map<string, OpenStore>()
    const opening = {
      group: 'test',
      partition,
      runtime: systemRuntime,
      logger: silentLogger,
      signal: new AbortController().signal,
      transport: {
        read: async (
          spec: { topic: string; from: 'earliest' | 'latest' | number },
          receive: (records: InboundRecord[]) => unknown,
        ) => {
          const from = typeof spec.from === 'number' ? spec.from : 0
          const log = (this.#partitionsOf(spec.topic)[partition] ?? []).slice(from)
          for (let at = 0; at < log.length; at += 7) await receive(log.slice(at, at + 7))
          return { closed: Promise.resolve(), [Symbol.asyncDispose]: async () => {} }
        },
      },
    }
    for (const spec of this.topology.stores.values()) stores.set(spec.name, await openStore(spec, opening))
    const running: Running = {
      stores,
      task: new Task({
        partition,
        sources: this.topology.sources,
        stores: new Map([...stores].map(([name, { store }]) => [name, store])),
        runtime: systemRuntime,
        onDropped: dropped => this.dropped.push(dropped),
      }),
      next: new Map(
        this.topology.inputs.map(topic => [topic, this.#committed.get(`${topic}/${partition}`) ?? 0]),
      ),
      pending: [],
    }
    this.#running.set(partition, running)
    return running
  }

  #append(record: OutboundRecord): RecordPosition {
    const { topic, key } = record
    const partition = record.partition ?? (key ? partitionOfKey(key, this.#partitions) : 0)
    const log = this.#partitionsOf(topic)[partition] as InboundRecord[]
    const headers = Object.fromEntries(
      Object.entries(record.headers).map(([name, value]) => [name, Buffer.from(value as string)]),
    )
    log.push({ ...record, headers, partition, offset: log.length })
    return { topic, partition, offset: log.length - 1 }
  }

  #partitionsOf(topic: string): InboundRecord[][] {
    const known = this.#logs.get(topic)
    if (known) return known
    const logs = Array.from({ length: this.#partitions }, () => [])
    this.#logs.set(topic, logs)
    return logs
  }

  #envelope(event: AnyEvent): { readonly headers: OutboundRecord['headers'] } {
    this.#ids += 1
    return {
      headers: envelopeHeaders({ id: String(this.#ids), type: event.name, source: 'test' }, 0, event.codec),
    }
  }

  readonly #builder: TopologyBuilder = {
    topology: this.topology,
    state: {
      name: 'of the test',
      durable: false,
      open: id => this.#state.open(id),
      destroy: id => this.#state.destroy(id),
    },
    runtime: systemRuntime,
    logger: silentLogger,
    codecOf: event => event.codec,
    uses: () => {},
    encode: async (event, payload, { key }) => ({
      ...this.#envelope(event),
      topic: event.topic.name,
      key: Buffer.from((key as string) ?? event.key?.(payload as never) ?? ''),
      value: await codecOf(undefined).encode(payload),
      timestampMs: 0,
    }),
    tombstone: (event, key) => ({
      ...this.#envelope(event),
      topic: event.topic.name,
      key,
      value: null,
      timestampMs: 0,
    }),
    outgoing: record => record,
    published: () => undefined,
    reader: store => this.#reader(store),
  }

  #reader(name: string): StoreReader {
    const all = () =>
      [...this.#running.entries()]
        .sort(([a], [b]) => a - b)
        .flatMap(([, { stores }]) => stores.get(name) ?? [])
    return {
      ready: Promise.resolve(),
      caughtUp: async () => {},
      get: async (_, entry) => {
        for (const { store } of all()) {
          const found = await store.committed(entry)
          if (found) return found
        }
        return undefined
      },
      async *scan(range) {
        for (const { store } of all()) yield* store.scanCommitted(range ?? {})
      },
    }
  }
}

/** An event with text or numbers for values. */
export const Left = defineEvent<string>('left')
export const Right = defineEvent<string>('right')
