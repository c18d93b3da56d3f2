import { assignPartitions, BusbarError, type InboundRecord, type TopicPartition } from '@busbar/core'
import type { ToyMember } from './toy-member.js'

/** What the toy transports of one process share: one array for each partition, and the groups. */
export class ToyBroker {
  readonly topics = new Map<string, InboundRecord[][]>()
  readonly groups = new Map<string, ToyGroup>()

  /** The logs of a topic's partitions; a position is an index. */
  logsOf(topic: string): InboundRecord[][] {
    const logs = this.topics.get(topic)
    if (!logs) throw new BusbarError('TOPIC_MISSING', `topic ${topic} does not exist: create it first`)
    return logs
  }

  logOf({ topic, partition }: TopicPartition): InboundRecord[] {
    const log = this.logsOf(topic)[partition]
    if (!log) throw new BusbarError('TOPIC_MISSING', `topic ${topic} has no partition ${partition}`)
    return log
  }

  group(name: string): ToyGroup {
    const group = this.groups.get(name) ?? new ToyGroup(this)
    this.groups.set(name, group)
    return group
  }

  /** Lets whoever holds partitions look for what is new. */
  wake(): void {
    for (const { members } of this.groups.values()) for (const member of members) member.fetchAll()
  }
}

export interface CommittedPosition extends TopicPartition {
  readonly position: number
}

/** A consumer group: who is in it, and where it stands. */
export class ToyGroup {
  readonly members = new Set<ToyMember>()
  /** By the partition's label. */
  readonly committed = new Map<string, CommittedPosition>()
  readonly #broker: ToyBroker

  constructor(broker: ToyBroker) {
    this.#broker = broker
  }

  commit({ topic, partition }: TopicPartition, position: number): void {
    this.committed.set(labelOf({ topic, partition }), { topic, partition, position })
  }

  /** Shares out anew: first everybody loses what is no longer theirs, then everybody gains what is. */
  rebalance(): void {
    const shares = assignPartitions([...this.members], topic => this.#broker.topics.get(topic)?.length ?? 0)
    for (const member of this.members) {
      const kept = new Set((shares.get(member.id) ?? []).map(labelOf))
      member.revoke(
        member.owned.filter(each => !kept.has(labelOf(each))),
        'moved to another member',
      )
    }
    for (const member of this.members) {
      const held = new Set(member.owned.map(labelOf))
      member.assign((shares.get(member.id) ?? []).filter(each => !held.has(labelOf(each))))
    }
  }
}

export function labelOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
