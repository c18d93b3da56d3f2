import {
  assignPartitions,
  BusbarError,
  type OutboundRecord,
  type PartitionPosition,
  type RecordPosition,
  type Runtime,
  type TopicPartition,
} from '@busbar/core'
import { labelOf } from './partition-label.js'
import type { StagedRecords } from './record-sender.js'
import type { Topic } from './topic.js'

/** A member as its group sees it. */
export interface GroupParticipant {
  readonly id: string
  readonly clientId: string
  /** The group's rebalances happen in turns of its oldest member's runtime. */
  readonly runtime: Runtime
  readonly topics: readonly string[]
  readonly from: 'earliest' | 'latest'
  /** Takes partitions away, while commits of them still count. */
  revoke(partitions: readonly TopicPartition[]): void
  /** Opens a generation, with the partitions that are new to this member. May come once after it left. */
  assign(generation: number, gained: readonly TopicPartition[]): void
}

/** A position to commit. */
export interface CommittedPosition extends TopicPartition {
  readonly position: number
}

/** A commit of a member, before it counts. */
export interface GroupCommit {
  readonly group: string
  readonly member: string
  readonly positions: readonly CommittedPosition[]
  /** What is stored with them; absent where the subscription is not transactional. */
  readonly records?: readonly OutboundRecord[]
}

/**
 * Told of every commit before it counts. Returning false refuses it, as a lost request does; `answer lost` lets it count,
 * and its member does not learn that. A plain commit is tried again; a transaction that failed begins anew.
 */
export type OnCommit = (commit: GroupCommit) => boolean | 'answer lost' | undefined

/** Told of the records of every transaction that counts. */
export type OnTransaction = (records: readonly OutboundRecord[], positions: readonly RecordPosition[]) => void

export interface ConsumerGroupOptions {
  readonly onCommit?: OnCommit | undefined
  readonly onTransaction?: OnTransaction | undefined
}

/** What a group looks like from outside. */
export interface GroupDescription {
  /** Counts rebalances. */
  readonly generation: number
  /** In the order in which they joined. */
  readonly members: readonly {
    readonly id: string
    readonly clientId: string
    readonly topics: readonly string[]
    readonly partitions: readonly TopicPartition[]
  }[]
}

/**
 * The broker's side of a consumer group: who is in it, who holds what, and which positions are committed. Every change
 * of its members leads to a rebalance in a later turn; changes until then share it.
 */
export class ConsumerGroup {
  readonly name: string
  readonly #topicOf: (name: string) => Topic | undefined
  readonly #options: ConsumerGroupOptions
  readonly #committed = new Map<string, Map<number, number>>()
  readonly #members = new Map<string, GroupParticipant>()
  #assignment = new Map<string, readonly TopicPartition[]>()
  /** The same the other way round: by partition, the member that holds it. */
  #holders = new Map<string, string>()
  #generation = 0
  #isRebalanceDue = false
  /** The next rebalance leaves nothing where it is. */
  #movesAll = false
  #joining: (() => void)[] = []

  constructor(
    name: string,
    topicOf: (name: string) => Topic | undefined,
    options: ConsumerGroupOptions = {},
  ) {
    this.name = name
    this.#topicOf = topicOf
    this.#options = options
  }

  /** Adds a member. Resolves once it has its partitions. */
  join(member: GroupParticipant): Promise<void> {
    this.#members.set(member.id, member)
    return this.rejoin()
  }

  /** Shares out again, for changed topics or partitions. Resolves once that is done, at once in an empty group. */
  rejoin(): Promise<void> {
    if (this.#members.size === 0) return Promise.resolve()
    return new Promise(resolve => {
      this.#joining.push(resolve)
      this.#requestRebalance()
    })
  }

  /** Takes every partition from its member and shares all out anew, each to another member if there are several. */
  moveAll(): Promise<void> {
    this.#movesAll = true
    return this.rejoin()
  }

  /** Removes a member: from now on its commits are refused, and others get its partitions in a later turn. */
  leave(id: string): void {
    if (!this.#members.delete(id)) return
    this.#assignment.delete(id)
    this.#requestRebalance()
  }

  /** Whether any member wants a topic. */
  wants(topic: string): boolean {
    return [...this.#members.values()].some(member => member.topics.includes(topic))
  }

  /** The committed position, if there is one. */
  committed({ topic, partition }: TopicPartition): number | undefined {
    return this.#committed.get(topic)?.get(partition)
  }

  /** Whether this is a member that knows of the last rebalance. */
  isCurrent(id: string, generation: number): boolean {
    return generation === this.#generation && this.#members.has(id)
  }

  /**
   * Commits positions for a member, and stores what belongs to them, as one step. Returns where that stands. Undefined, and
   * nothing has happened, unless it is a member in the present generation that holds all of these partitions: what a member
   * that was replaced still has to say must not move its heir. Undefined also for an answer that is lost.
   */
  commit(
    id: string,
    generation: number,
    positions: readonly CommittedPosition[],
    staged?: StagedRecords,
  ): readonly RecordPosition[] | undefined {
    if (!this.isCurrent(id, generation)) return undefined
    if (!positions.every(position => this.#holders.get(labelOf(position)) === id)) return undefined
    const { onCommit, onTransaction } = this.#options
    const records = staged && { records: staged.records }
    const fate = onCommit?.({ group: this.name, member: id, positions, ...records })
    if (fate === false) return undefined
    for (const position of positions) this.#setCommitted(position)
    const stored = staged?.store() ?? []
    if (staged) onTransaction?.(staged.records, stored)
    return fate === 'answer lost' ? undefined : stored
  }

  /** Moves a position from outside, as operators do. Throws `CONFIG_INVALID` while the group has members. */
  reset(position: CommittedPosition): void {
    if (this.#members.size > 0) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `positions of group '${this.name}' cannot be reset while it has members`,
      )
    }
    this.#setCommitted(position)
  }

  /** Every committed position, by topic and partition. */
  positions(): PartitionPosition[] {
    const positions: PartitionPosition[] = []
    for (const [topic, byPartition] of this.#committed) {
      for (const [partition, committed] of byPartition) {
        const end = this.#topicOf(topic)?.logs[partition]?.end ?? 0
        positions.push({ topic, partition, committed, end, lag: Math.max(0, end - committed) })
      }
    }
    return positions.sort((a, b) =>
      a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
    )
  }

  describe(): GroupDescription {
    const members = [...this.#members.values()].map(({ id, clientId, topics }) => {
      return { id, clientId, topics, partitions: this.#assignment.get(id) ?? [] }
    })
    return { generation: this.#generation, members }
  }

  #requestRebalance(): void {
    const [oldest] = this.#members.values()
    if (this.#isRebalanceDue || !oldest) return
    this.#isRebalanceDue = true
    oldest.runtime.defer(() => this.#rebalance())
  }

  /** Eager: everything is shared out anew, but what stays with its member is neither revoked nor assigned again. */
  #rebalance(): void {
    this.#isRebalanceDue = false
    const joined = this.#joining
    this.#joining = []
    const members = [...this.#members.values()]
    const before = this.#assignment
    const movesAll = this.#movesAll
    this.#movesAll = false
    const stays = (partition: TopicPartition, holders: ReadonlyMap<string, string>, id: string) =>
      !movesAll && holders.get(labelOf(partition)) === id
    const holdersBefore = this.#holders
    const wishes = members.map(({ id, topics }, index) => {
      const wisher = movesAll ? members[(index + 1) % members.length]?.id : id
      return { id, topics, owned: before.get(wisher ?? id) ?? [] }
    })
    const after = assignPartitions(wishes, topic => this.#topicOf(topic)?.logs.length ?? 0)
    const holders = holdersOf(after)
    for (const member of members) {
      const lost = before.get(member.id)?.filter(partition => !stays(partition, holders, member.id))
      if (lost?.length) member.revoke(lost)
    }
    this.#commitStarts(members, after)
    this.#generation += 1
    this.#assignment = after
    this.#holders = holders
    for (const member of members) {
      const held = after.get(member.id) ?? []
      const gained = held.filter(partition => !stays(partition, holdersBefore, member.id))
      member.assign(this.#generation, gained)
    }
    for (const resolve of joined) resolve()
  }

  /**
   * Fixes where partitions start that have no position. `latest` is for topics that are new to the group: a partition
   * that was added to a known topic may already hold records that nobody has seen.
   */
  #commitStarts(
    members: readonly GroupParticipant[],
    assignment: ReadonlyMap<string, readonly TopicPartition[]>,
  ): void {
    const known = new Set(this.#committed.keys())
    for (const { id, from } of members) {
      for (const held of assignment.get(id) ?? []) {
        const log = this.#topicOf(held.topic)?.logs[held.partition]
        if (!log || this.committed(held) !== undefined) continue
        this.#setCommitted({
          ...held,
          position: from === 'latest' && !known.has(held.topic) ? log.end : log.start,
        })
      }
    }
  }

  #setCommitted({ topic, partition, position }: CommittedPosition): void {
    const byPartition = this.#committed.get(topic) ?? new Map<number, number>()
    this.#committed.set(topic, byPartition)
    byPartition.set(partition, position)
  }
}

function holdersOf(assignment: ReadonlyMap<string, readonly TopicPartition[]>): Map<string, string> {
  const holders = new Map<string, string>()
  for (const [id, partitions] of assignment)
    for (const partition of partitions) holders.set(labelOf(partition), id)
  return holders
}
