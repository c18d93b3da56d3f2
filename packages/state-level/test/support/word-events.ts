import { type Bus, defineEvent, type Table } from '@busbar/core'

/** The events of a run by its name. */
export function wordEvents(name: string) {
  return {
    Line: defineEvent<string>(`${name}-line`, { topic: { name: `${name}-line`, partitions: 2 } }),
    Counted: defineEvent<number>(`${name}-counted`, { topic: { name: `${name}-counted`, partitions: 2 } }),
  }
}

/** Declares the word count on a bus. */
export function countWords(bus: Bus, { Line, Counted }: ReturnType<typeof wordEvents>): Table<number> {
  return bus
    .stream(Line)
    .keyed()
    .flatMapValues(line => line.split(' '))
    .groupBy(word => word, { name: 'words' })
    .count({ store: 'counts' })
    .to(Counted)
}
