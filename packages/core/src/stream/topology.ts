import type { Envelope } from '../envelope.js'
import { BusbarError } from '../error.js'
import { redriveTopic } from '../middleware/dead-letter.js'
import type { ContractTopic } from '../topic.js'
import type { InboundRecord } from '../transport.js'
import { whole } from '../validate.js'
import type { RecordScope } from './record-flow.js'
import type { TaskStoreSpec } from './task-store.js'

/** What takes the records of a topic. */
export interface TopologySource {
  readonly topic: string
  /** What its records are for whoever observes: the name of the event; that of the topic, where it is one of the group's own. */
  readonly event: string
  /** The envelope of a record; undefined for one that is not for it. Throws where it can't be read. */
  readonly envelopeOf: (record: InboundRecord) => Envelope | undefined
  /** The event time of a record, by which the topics of a task take turns. */
  readonly timeOf: (record: InboundRecord) => number
  /** Handles a record, or passes over one that is not for it. */
  readonly process: (record: InboundRecord, scope: RecordScope) => Promise<void>
}

/** The operators of one group: what they read, keep and write. Fixed when its bus starts. */
export class Topology {
  readonly group: string
  readonly sources: TopologySource[] = []
  readonly stores = new Map<string, TaskStoreSpec>()
  /** Topics of events that are read or written: they are as their contracts declare them. */
  readonly topics = new Map<string, ContractTopic>()
  /** Topics of the group's own: `name` is made with the partitions of `like`. */
  readonly internal = new Map<string, { readonly like: string; readonly partitions?: number }>()
  /** Topics whose records meet in one task by their keys. */
  readonly coPartitioned: { readonly topics: readonly [string, string]; readonly by: string }[] = []
  #isFixed = false

  constructor(group: string) {
    this.group = group
  }

  /** The topics that are read. */
  get inputs(): readonly string[] {
    return [...new Set(this.sources.map(({ topic }) => topic))]
  }

  /** Topics by which dead letters come back, each with the topic whose records they are. */
  get returns(): ReadonlyMap<string, string> {
    return new Map(this.inputs.map(topic => [redriveTopic(topic, this.group), topic]))
  }

  addSource(source: TopologySource): void {
    this.refuseFixed()
    this.sources.push(source)
  }

  addStore(spec: TaskStoreSpec): void {
    this.refuseFixed()
    if (this.stores.has(spec.name))
      throw new BusbarError(
        'CONFIG_INVALID',
        `group ${this.group} has a store named ${spec.name} already: each operator needs one of its own (option "store")`,
      )
    this.stores.set(spec.name, spec)
  }

  addInternal(topic: string, made: { readonly like: string; readonly partitions?: number }): void {
    this.refuseFixed()
    if (made.partitions !== undefined) whole('partitions', made.partitions)
    if (this.internal.has(topic))
      throw new BusbarError(
        'CONFIG_INVALID',
        `group ${this.group} has a topic ${topic} already: each operator needs one of its own (option "name")`,
      )
    this.internal.set(topic, made)
  }

  /** The name of a topic of the group's own. */
  internalTopic(name: string, kind: 'changelog' | 'repartition'): string {
    if (kind === 'repartition') this.#requireName('repartition topic', name, 'name')
    else this.#requireName('store', name, 'store')
    return `${this.group}.${name}.${kind}`
  }

  fix(): void {
    this.#isFixed = true
  }

  /** @throws BusbarError `CONFIG_INVALID` once the bus has started. */
  refuseFixed(): void {
    if (this.#isFixed) throw declaredTooLate(this.group)
  }

  #requireName(of: string, name: unknown, option: string): void {
    if (typeof name === 'string' && /^[a-zA-Z0-9._-]{1,100}$/.test(name)) return
    throw new BusbarError(
      'CONFIG_INVALID',
      `group ${this.group}: ${JSON.stringify(name)} cannot be the name of a ${of}: use 1 to 100 letters, digits, ".", "_" and "-" (option "${option}")`,
    )
  }
}

/** What is declared when the bus runs would never run itself. */
export function declaredTooLate(group: string): BusbarError {
  return new BusbarError(
    'CONFIG_INVALID',
    `group ${group}: its operators with a state must be declared before the bus starts`,
  )
}
