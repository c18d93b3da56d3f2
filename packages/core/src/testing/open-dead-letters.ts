import type { MemoryBroker } from '@busbar/transport-memory'
import { type DeadLetter, markedBy, readDeadLetter } from '../dead-letter.js'

/** The dead letters that a broker holds, of one group or of all, without those that were replayed or discarded. */
export function openDeadLetters(broker: MemoryBroker, group: string | undefined): readonly DeadLetter[] {
  const topics = broker.topics().filter(topic => topic.endsWith('.dlq'))
  return topics.flatMap(topic => {
    const records = broker.records(topic)
    const marked = new Set(records.map(markedBy))
    const open = records.filter(({ partition, offset }) => !marked.has(`${partition}@${offset}`))
    const letters = open.map(readDeadLetter).filter(letter => letter !== undefined)
    return letters.filter(letter => group === undefined || letter.group === group)
  })
}
