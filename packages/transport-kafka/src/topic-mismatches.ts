import type { TopicSpec } from '@busbar/core'
import type { PartitionMetadata } from './kafkajs-internals.js'

/** In what an existing topic differs from what was declared of it, in words; what was not declared is not compared. */
export function topicMismatches(
  spec: TopicSpec,
  partitions: readonly PartitionMetadata[],
  config: ReadonlyMap<string, string | null>,
): string[] {
  const differences: string[] = []
  if (spec.partitions !== undefined && partitions.length !== spec.partitions) {
    differences.push(`it has ${partitions.length} partitions, not ${spec.partitions}`)
  }
  const replication = Math.min(...partitions.map(({ replicas }) => replicas.length))
  if (spec.replication !== undefined && replication !== spec.replication) {
    differences.push(`its replication is ${replication}, not ${spec.replication}`)
  }
  for (const [name, value] of Object.entries(spec.config ?? {})) {
    const actual = config.get(name)
    if (actual === undefined) differences.push(`${name} is no setting that the broker knows`)
    else if (!sameSetting(actual, value)) differences.push(`${name} is ${actual ?? 'unset'}, not ${value}`)
  }
  return differences
}

/** Lists such as `compact,delete` mean the same in any order. */
function sameSetting(a: string | null, b: string): boolean {
  const parts = (value: string) =>
    value
      .split(',')
      .map(part => part.trim())
      .sort()
      .join(',')
  return a !== null && parts(a) === parts(b)
}
