import type { TopicPartition } from '@busbar/core'

/** A partition as text: unique, since no topic's name contains a slash. */
export const labelOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`
