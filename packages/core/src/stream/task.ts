import { BusbarError } from '../error.js'
import type { Runtime } from '../runtime.js'
import { bytesOfText } from '../state/bytes.js'
import type { Effects, InboundRecord, OutboundRecord, RecordPosition } from '../transport.js'
import type { DroppedRecord, DropReason, RecordScope } from './record-flow.js'
import { RecordStore } from './record-store.js'
import type { StoreChange, TaskStore } from './task-store.js'
import type { TopologySource } from './topology.js'

/** The stream time of the store after the change, on each record of a changelog. */
export const streamTimeHeader = 'busbar-stream-time'

export interface TaskOptions {
  readonly partition: number
  readonly sources: readonly TopologySource[]
  readonly stores: ReadonlyMap<string, TaskStore>
  readonly runtime: Runtime
  readonly onDropped: (dropped: DroppedRecord) => void
}

/**
 * The operators of a topology at work on one partition number of its topics. Takes one record at a time; what one changed
 * is seen by the next at once, and reaches the stores when it is committed.
 */
export class Task {
  readonly #options: TaskOptions

  constructor(options: TaskOptions) {
    this.#options = options
  }

  /**
   * Processes a record, one that came back as it was published. Gives what applies it to the stores, before the next record is
   * processed, and what it leads to, for the transaction that acknowledges it. Rejects as an operator does. Until it is applied the record has
   * changed nothing. `seen` gets what it was decoded to.
   */
  async process(
    record: InboundRecord,
    cameBack = false,
    seen?: { payload: unknown },
  ): Promise<() => Effects> {
    const scope = new TaskScope(record, cameBack, this.#options, seen)
    for (const source of this.#options.sources)
      if (source.topic === record.topic) await source.process(record, scope)
    return () => this.#conclude(scope)
  }

  #conclude(scope: TaskScope): Effects {
    const records = [...scope.sent]
    const ends: ((positions: readonly RecordPosition[]) => void)[] = []
    for (const [task, store] of scope.stores) {
      const changes = [...store.changes.range()]
      task.apply(changes, store.streamTimeMs)
      if (changes.length === 0) continue
      const version = task.version
      const bytes = changes.map(([key, value]) => ({ key: bytesOfText(key), value }))
      records.push(...this.#changelogOf(task, bytes, store.streamTimeMs))
      const last = records.length - 1
      ends.push(positions => {
        const { offset } = positions[last] as RecordPosition
        task.commit({ changes: bytes, position: offset + 1, streamTimeMs: store.streamTimeMs }, version)
      })
    }
    return {
      records,
      onCommitted: positions => {
        for (const end of ends) end(positions)
        for (const notify of scope.notifications) notify()
      },
    }
  }

  #changelogOf(
    { spec }: TaskStore,
    changes: StoreChange['changes'],
    streamTimeMs: number,
  ): readonly OutboundRecord[] {
    const { partition, runtime } = this.#options
    // Not the event's time: brokers refuse times too far from their own, and keep by them.
    const timestampMs = runtime.now()
    return changes.map(({ key, value }) => ({
      topic: spec.changelog,
      partition,
      key,
      value: value ?? null,
      headers: { [streamTimeHeader]: String(streamTimeMs) },
      timestampMs,
    }))
  }
}

class TaskScope implements RecordScope {
  readonly origin: InboundRecord
  readonly cameBack: boolean
  readonly stores = new Map<TaskStore, RecordStore>()
  readonly sent: OutboundRecord[] = []
  readonly notifications: (() => void)[] = []
  readonly #options: TaskOptions
  readonly #seen: { payload: unknown } | undefined

  constructor(
    origin: InboundRecord,
    cameBack: boolean,
    options: TaskOptions,
    seen: { payload: unknown } | undefined,
  ) {
    this.origin = origin
    this.cameBack = cameBack
    this.#options = options
    this.#seen = seen
  }

  decoded(payload: unknown): void {
    if (this.#seen) this.#seen.payload = payload
  }

  store(name: string): RecordStore {
    const task = this.#options.stores.get(name)
    if (!task)
      throw new BusbarError(
        'INTERNAL',
        `there is no store ${name} for ${this.origin.topic}/${this.origin.partition}`,
      )
    const known = this.stores.get(task)
    if (known) return known
    const store = new RecordStore(task)
    this.stores.set(task, store)
    return store
  }

  send(record: OutboundRecord): void {
    this.sent.push(record)
  }

  afterCommit(notify: () => void): void {
    this.notifications.push(notify)
  }

  drop(reason: DropReason, timestampMs: number): void {
    const { topic, partition, offset } = this.origin
    this.#options.onDropped({ reason, topic, partition, offset, timestampMs })
  }
}
