/** What the leader of a group knows of a member. */
export interface GroupMemberInfo {
  readonly id: string
  readonly topics: readonly string[]
  /** Partitions that it held in `generation`, by topic. */
  readonly held: Readonly<Record<string, readonly number[]>>
  /** The generation of the group in which it held them; -1 where it held none. */
  readonly generation: number
}

/** Partitions by topic. */
export type Assignment = Record<string, number[]>

/**
 * Distributes partitions over the members of a group. Pure, and the same for the same input.
 *
 * - A member only gets partitions of topics that it subscribed to: in a rolling deploy members differ.
 * - Topics with equally many partitions and the same subscribers are co-partitioned: equal partition numbers of them go to
 *   one member, so that what is keyed alike is handled in one place.
 * - Members' shares of such a set of topics differ by one partition at most; whoever has least gets the odd ones.
 * - Within that, a partition stays with the member that held it.
 */
export function assignPartitions(
  members: readonly GroupMemberInfo[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, Assignment> {
  const sorted = [...members].sort((a, b) => compare(a.id, b.id))
  const assignments = new Map<string, Assignment>(sorted.map(({ id }) => [id, {}]))
  const loads = new Map<string, number>(sorted.map(({ id }) => [id, 0]))
  const holders = holdersOf(sorted)
  for (const set of coPartitioned(sorted, partitionCounts)) {
    for (const [partition, member] of distribute(set, holders, loads).entries()) {
      const assignment = assignments.get(member) ?? {}
      for (const topic of set.topics) addPartition(assignment, topic, partition)
      loads.set(member, (loads.get(member) ?? 0) + set.topics.length)
    }
  }
  return assignments
}

/** Adds a partition to an assignment. */
export function addPartition(assignment: Assignment, topic: string, partition: number): void {
  const partitions = assignment[topic]
  if (partitions) partitions.push(partition)
  else assignment[topic] = [partition]
}

/** Topics that are assigned as one. */
interface TopicSet {
  readonly topics: string[]
  readonly partitions: number
  /** The ids of their subscribers, at least one. */
  readonly members: readonly string[]
}

function coPartitioned(members: readonly GroupMemberInfo[], counts: ReadonlyMap<string, number>): TopicSet[] {
  const sets = new Map<string, TopicSet>()
  const topics = [...new Set(members.flatMap(member => member.topics))].sort(compare)
  for (const topic of topics) {
    const partitions = counts.get(topic) ?? 0
    const subscribers = members.filter(member => member.topics.includes(topic)).map(({ id }) => id)
    const key = JSON.stringify([partitions, subscribers])
    const set = sets.get(key)
    if (set) set.topics.push(topic)
    else sets.set(key, { topics: [topic], partitions, members: subscribers })
  }
  return [...sets.values()]
}

/** Who held a partition last, by topic and partition. Of several who say so, the one of the latest generation. */
function holdersOf(members: readonly GroupMemberInfo[]): Map<string, string> {
  const holders = new Map<string, string>()
  for (const member of [...members].sort((a, b) => a.generation - b.generation)) {
    for (const [topic, partitions] of Object.entries(member.held)) {
      for (const partition of partitions) holders.set(`${partition}/${topic}`, member.id)
    }
  }
  return holders
}

/** The member of each partition of a set of topics. */
function distribute(
  set: TopicSet,
  holders: ReadonlyMap<string, string>,
  loads: ReadonlyMap<string, number>,
): string[] {
  const held = Array.from({ length: set.partitions }, (_, partition) => holderOf(set, partition, holders))
  const quotas = quotasOf(set, held, loads)
  const assigned: (string | undefined)[] = held.map(member => {
    const left = member === undefined ? 0 : (quotas.get(member) ?? 0)
    if (member === undefined || left === 0) return undefined
    quotas.set(member, left - 1)
    return member
  })
  const open = set.members.flatMap(member => Array.from({ length: quotas.get(member) ?? 0 }, () => member))
  return assigned.map(member => member ?? (open.shift() as string))
}

function holderOf(
  set: TopicSet,
  partition: number,
  holders: ReadonlyMap<string, string>,
): string | undefined {
  for (const topic of set.topics) {
    const holder = holders.get(`${partition}/${topic}`)
    if (holder !== undefined && set.members.includes(holder)) return holder
  }
  return undefined
}

/** How many partitions each member gets: equally many, and one more for those with the least load, holders first. */
function quotasOf(
  set: TopicSet,
  held: readonly (string | undefined)[],
  loads: ReadonlyMap<string, number>,
): Map<string, number> {
  const each = Math.floor(set.partitions / set.members.length)
  const odd = set.partitions % set.members.length
  const holdings = (member: string) => held.filter(holder => holder === member).length
  const first = [...set.members].sort(
    (a, b) => (loads.get(a) ?? 0) - (loads.get(b) ?? 0) || holdings(b) - holdings(a) || compare(a, b),
  )
  return new Map(first.map((member, index) => [member, each + (index < odd ? 1 : 0)]))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
