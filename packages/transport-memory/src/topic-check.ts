import { BusbarError, type TopicSpec } from '@busbar/core'
import type { Topic } from './topic.js'
import type { TopicConfig } from './topic-settings.js'

/** Throws `TOPIC_INVALID` for a name that Kafka refuses: 1 to 249 of `a-z A-Z 0-9 . _ -`, and neither `.` nor `..`. */
export function checkTopicName(name: string): void {
  if (/^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..') return
  throw new BusbarError(
    'TOPIC_INVALID',
    `topic name '${name.slice(0, 260)}' is invalid: use 1 to 249 of a-z A-Z 0-9 . _ - and neither '.' nor '..'`,
  )
}

/** Throws `TOPIC_INVALID` for a number of partitions, or of copies, that no topic can have. */
export function checkCount(topic: string, what: 'partitions' | 'replication', count: number): void {
  if (Number.isInteger(count) && count >= 1) return
  throw new BusbarError('TOPIC_INVALID', `topic '${topic}': ${what} ${count} is no whole number from 1 on`)
}

/**
 * Throws `TOPIC_MISMATCH` naming everything in which a topic differs from its declaration. What the declaration leaves
 * out is not compared.
 */
export function checkTopicMatches(topic: Topic, spec: TopicSpec, defaults: TopicConfig): void {
  const differences: string[] = []
  const compare = (what: string, is: number | string | undefined, declared: number | string | undefined) => {
    if (declared !== undefined && is !== declared)
      differences.push(`${what} is ${is ?? 'not set'}, declared ${declared}`)
  }
  compare('partitions', topic.logs.length, spec.partitions)
  compare('replication', topic.replication, spec.replication)
  const actual = { ...defaults, ...topic.config }
  for (const [name, declared] of Object.entries(spec.config ?? {})) compare(name, actual[name], declared)
  if (differences.length === 0) return
  throw new BusbarError(
    'TOPIC_MISMATCH',
    `topic '${topic.name}' is not as declared: ${differences.join('; ')}`,
  )
}
