import { defineEvent, defineRequest } from '@busbar/core'

/** What every payload of the model holds: a number of its own, and whose it is. */
export interface Item {
  readonly n: number
  readonly who: string
}

/** Handled by four subscriptions of three groups, in each its own way. */
export const Order = defineEvent<Item>('order', { topic: 'orders', key: item => item.who })
/** Published by a handler of orders. */
export const Note = defineEvent<Item>('note', { topic: 'notes' })
/** Handled by a group without dead letters: it comes again until it succeeds. */
export const Entry = defineEvent<Item>('entry', { topic: 'ledger', key: item => item.who })
/** Published with a delay. `dueMs`: not to be handled before. */
export const Reminder = defineEvent<Item & { readonly dueMs: number }>('reminder', {
  topic: 'reminders',
  key: item => item.who,
})
export const Quote = defineRequest<Item, { readonly n: number; readonly price: number }>('quote', {
  key: item => item.who,
})

/** What a quote must say. */
export const priceOf = (n: number): number => n * 7 + 3

/** The subscriptions that must have handled an event in the end, by its name. */
export const subscriptionsOf: Readonly<Record<string, readonly string[]>> = {
  order: ['shop/order', 'audit', 'mail/order', 'bulk/order'],
  note: ['notes/note'],
  entry: ['ledger/entry'],
  reminder: ['reminders/reminder'],
}

export const allGroups = ['shop', 'mail', 'bulk', 'notes', 'ledger', 'reminders'] as const
