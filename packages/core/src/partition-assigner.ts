import type { TopicPartition } from './transport.js'

/** A member of a consumer group, as far as sharing out partitions goes. */
export interface AssignableMember {
  readonly id: string
  /** What this member subscribed to: it gets partitions of these topics only. */
  readonly topics: readonly string[]
  /** What it holds now. It keeps it where that leaves the shares even. Default: nothing. */
  readonly owned?: readonly TopicPartition[]
  /** The generation of the group in which it held that: of rival claims the latest counts. Default: before all others. */
  readonly generation?: number
}

/**
 * Shares out the partitions of a consumer group, for use by transports. Topics that the same members subscribed to are
 * co-partitioned: equal partition numbers of them go to one member, so that joins find both sides in one place. Within
 * such a set of topics no member gets more than one partition number above another, and members keep what they hold
 * where that allows it. Pure, and independent of the order of `members`.
 *
 * @param partitionsOf how many partitions a topic has; 0 for one that is not there.
 * @returns an entry for every member, also for those that get nothing.
 */
export function assignPartitions(
  members: readonly AssignableMember[],
  partitionsOf: (topic: string) => number,
): Map<string, TopicPartition[]> {
  const assignments = new Map(members.map(member => [member.id, [] as TopicPartition[]]))
  const holders = holdersOf(members)
  for (const { topics, subscribers } of coSubscribed(members)) {
    const counts = topics.map(partitionsOf)
    const slots = Math.max(...counts)
    const kept = Array.from({ length: slots }, (_, slot) => holderOf(slot, topics, subscribers, holders))
    const loadOf = (id: string) => assignments.get(id)?.length ?? 0
    const shares = shareOut(kept, subscribers, loadOf)
    for (const [partition, id] of shares.entries()) {
      for (const [index, topic] of topics.entries()) {
        if (partition < (counts[index] ?? 0)) assignments.get(id)?.push({ topic, partition })
      }
    }
  }
  return assignments
}

interface CoSubscribed {
  readonly topics: string[]
  readonly subscribers: readonly string[]
}

/** Topics grouped by their set of subscribers, in the order of the first topic's name. */
function coSubscribed(members: readonly AssignableMember[]): CoSubscribed[] {
  const subscribersOf = new Map<string, string[]>()
  for (const member of [...members].sort((a, b) => compare(a.id, b.id))) {
    for (const topic of new Set(member.topics)) {
      const subscribers = subscribersOf.get(topic)
      if (subscribers) subscribers.push(member.id)
      else subscribersOf.set(topic, [member.id])
    }
  }
  const sets = new Map<string, CoSubscribed>()
  for (const [topic, subscribers] of [...subscribersOf].sort(([a], [b]) => compare(a, b))) {
    const name = JSON.stringify(subscribers)
    const set = sets.get(name)
    if (set) set.topics.push(topic)
    else sets.set(name, { topics: [topic], subscribers })
  }
  return [...sets.values()]
}

/** Topic to partition to the member that holds it now; of several who say so, the one of the latest generation. */
type Holders = ReadonlyMap<string, ReadonlyMap<number, string>>

function holdersOf(members: readonly AssignableMember[]): Holders {
  const holders = new Map<string, Map<number, string>>()
  const generationOf = ({ generation = -1 }: AssignableMember) => generation
  const latestFirst = [...members].sort((a, b) => generationOf(b) - generationOf(a) || compare(a.id, b.id))
  for (const member of latestFirst) {
    for (const { topic, partition } of member.owned ?? []) {
      const byPartition = holders.get(topic) ?? new Map<number, string>()
      holders.set(topic, byPartition)
      if (!byPartition.has(partition)) byPartition.set(partition, member.id)
    }
  }
  return holders
}

function holderOf(
  slot: number,
  topics: string[],
  subscribers: readonly string[],
  holders: Holders,
): string | undefined {
  for (const topic of topics) {
    const id = holders.get(topic)?.get(slot)
    if (id !== undefined && subscribers.includes(id)) return id
  }
  return undefined
}

/** Gives every slot a member: its holder where the shares stay even, else whoever has the fewest. */
function shareOut(
  holders: readonly (string | undefined)[],
  members: readonly string[],
  loadOf: (id: string) => number,
): string[] {
  const even = Math.floor(holders.length / members.length)
  let oneMore = holders.length % members.length
  const counts = new Map(members.map(id => [id, 0]))
  const countOf = (id: string) => counts.get(id) ?? 0
  const kept = holders.map(id => {
    if (id === undefined || countOf(id) > even || (countOf(id) === even && oneMore === 0)) return undefined
    if (countOf(id) === even) oneMore -= 1
    counts.set(id, countOf(id) + 1)
    return id
  })
  return kept.map(id => {
    if (id !== undefined) return id
    const least = members.reduce((best, other) => {
      const difference = countOf(other) - countOf(best) || loadOf(other) - loadOf(best)
      return difference < 0 ? other : best
    })
    counts.set(least, countOf(least) + 1)
    return least
  })
}

/** By code unit, so that every machine sorts alike. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
