import {
  BusbarError,
  type ConnectOptions,
  type Deliver,
  PartitionSession,
  type SubscribeSpec,
  type TopicPartition,
  type TransportSubscription,
} from '@busbar/core'
import { labelOf, type ToyBroker, type ToyGroup } from './toy-broker.js'

/** How many records one look at the log takes at most. */
const fetchSize = 500

interface HeldPartition {
  readonly session: PartitionSession
  /** It was given records, and has not welcomed more yet. */
  isWaiting: boolean
}

/** One member of a group, and what it holds. */
export class ToyMember implements TransportSubscription {
  readonly id: string
  readonly closed: Promise<void>
  topics: readonly string[]
  readonly #broker: ToyBroker
  readonly #group: ToyGroup
  readonly #connection: ConnectOptions
  readonly #spec: SubscribeSpec
  readonly #deliver: Deliver
  readonly #held = new Map<string, HeldPartition>()
  #paused = false
  #settleClosed = () => {}

  constructor(broker: ToyBroker, connection: ConnectOptions, spec: SubscribeSpec, deliver: Deliver) {
    this.id = connection.runtime.uuid()
    this.topics = spec.topics
    this.#broker = broker
    this.#group = broker.group(spec.group)
    this.#connection = connection
    this.#spec = spec
    this.#deliver = deliver
    this.closed = new Promise(resolve => {
      this.#settleClosed = resolve
    })
  }

  get owned(): readonly TopicPartition[] {
    return [...this.#held.values()].map(({ session: { topic, partition } }) => ({ topic, partition }))
  }

  join(): void {
    this.#group.members.add(this)
    this.#group.rebalance()
  }

  /** Takes over partitions: where the group stands, or where it is to start, which is committed at once. */
  assign(gained: readonly TopicPartition[]): void {
    for (const place of gained) {
      const start = this.#spec.from === 'latest' ? this.#broker.logOf(place).length : 0
      const position = this.#group.committed.get(labelOf(place))?.position ?? start
      this.#group.commit(place, position)
      this.#open(place, position)
    }
    this.#tell('assigned', gained)
  }

  revoke(lost: readonly TopicPartition[], why: string): void {
    for (const place of lost) this.#shut(place, why)
    this.#tell('revoked', lost)
  }

  fetchAll(): void {
    for (const held of this.#held.values()) this.#connection.runtime.defer(() => this.#fetch(held))
  }

  async setTopics(topics: readonly string[]): Promise<void> {
    for (const topic of topics) this.#broker.logsOf(topic)
    this.topics = topics
    this.#group.rebalance()
  }

  pause(): void {
    this.#paused = true
    for (const { session } of this.#held.values()) session.pause()
  }

  resume(): void {
    this.#paused = false
    for (const { session } of this.#held.values()) session.resume()
    this.fetchAll()
  }

  async seek(place: TopicPartition, to: 'earliest' | 'latest' | number): Promise<void> {
    if (!this.#held.has(labelOf(place)))
      throw new BusbarError('CONFIG_INVALID', `this member does not hold ${labelOf(place)}`)
    const position = to === 'earliest' ? 0 : to === 'latest' ? this.#broker.logOf(place).length : to
    this.#shut(place, 'continues at another position')
    this.#group.commit(place, position)
    this.#open(place, position)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#group.members.delete(this)) return
    this.revoke(this.owned, 'the subscription was closed')
    this.#group.rebalance()
    this.#settleClosed()
  }

  #open({ topic, partition }: TopicPartition, start: number): void {
    const session = new PartitionSession({
      topic,
      partition,
      start,
      deliver: this.#deliver,
      runtime: this.#connection.runtime,
      maxInFlight: this.#spec.maxInFlight,
      onProgress: () => this.#group.commit({ topic, partition }, session.committable),
    })
    if (this.#paused) session.pause()
    this.#held.set(labelOf(session), { session, isWaiting: false })
    this.fetchAll()
  }

  #shut(place: TopicPartition, why: string): void {
    this.#held.get(labelOf(place))?.session.revoke(new BusbarError('ABORTED', `${labelOf(place)}: ${why}`))
    this.#held.delete(labelOf(place))
  }

  #fetch(held: HeldPartition): void {
    const { session } = held
    if (this.#paused || held.isWaiting || session.signal.aborted) return
    const records = session.welcome
      ? this.#broker.logOf(session).slice(session.next, session.next + fetchSize)
      : []
    if (session.welcome && records.length === 0) return
    held.isWaiting = true
    void session.push(records).then(() => {
      held.isWaiting = false
      this.#fetch(held)
    })
  }

  #tell(type: 'assigned' | 'revoked', partitions: readonly TopicPartition[]): void {
    if (partitions.length > 0) this.#connection.onEvent({ type, group: this.#spec.group, partitions })
  }
}
