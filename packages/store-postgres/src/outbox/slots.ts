import { createHash } from 'node:crypto'

/**
 * How many parts the keys of an outbox are dealt into. Fixed: writers and relays of all versions must agree, or a key
 * would change its slot, and its order would be lost.
 */
export const slotCount = 32

/** The slot of a key within a topic: its records are relayed by one relay at a time, in the order of their ids. */
export function slotOf(topic: string, key: Uint8Array): number {
  return createHash('sha1').update(topic).update('\0').update(key).digest().readUInt32BE() % slotCount
}

/**
 * Advisory locks of an outbox: the first number is its table's oid, the second one of these. Writers hold that of their
 * slots until their transaction ends; each relay holds `relay` and those of the slots that it owns.
 */
export const lockOf = {
  writers: (slot: number): number => slot,
  relay: 1_000,
  owner: (slot: number): number => 2_000 + slot,
}

/** SQL for the channel on which commits are announced: one for each table, whatever schema it was named with. */
export function channelSql(table: string): string {
  return `'busbar_outbox_' || '${table}'::regclass::oid`
}
