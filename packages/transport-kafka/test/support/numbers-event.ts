import { defineEvent, type EventDefinition } from '@busbar/core'

/** The how-manieth event of its key. */
export interface Numbered {
  readonly key: string
  readonly number: number
}

/** The same event in any topic. */
export function numbersIn(topic: string): EventDefinition<Numbered> {
  return defineEvent<Numbered>('numbered', { topic, key: ({ key }) => key })
}
