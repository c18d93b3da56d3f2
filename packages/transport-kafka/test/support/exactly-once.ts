import type { InboundRecord } from '@busbar/core'
import type { KafkaTransport } from '@busbar/transport-kafka'
import * as assert from 'uvu/assert'
import { textIn } from './copying.js'

/** Values are `key#number`, numbered from 0 for each key. */
export function numbered(keys: number, each: number): string[] {
  return Array.from({ length: keys * each }, (_, i) => `k${i % keys}#${Math.floor(i / keys)}`)
}

const keyOf = (value: string): string => value.slice(0, value.indexOf('#'))

/** Records that are published together. */
const portion = 100

/** Publishes values as they are, each under its key, in portions. */
export async function publishNumbered(
  transport: KafkaTransport,
  topic: string,
  values: readonly string[],
  betweenPortions: () => Promise<void> = async () => {},
): Promise<void> {
  for (let from = 0; from < values.length; from += portion) {
    await transport.send(
      values.slice(from, from + portion).map(value => ({
        topic,
        key: Buffer.from(keyOf(value)),
        value: Buffer.from(value),
        headers: {},
        timestampMs: Date.now(),
      })),
    )
    await betweenPortions()
  }
}

/** Each value once, and those of a key in their order. */
export function assertOnceInOrder(copies: readonly InboundRecord[], values: readonly string[]): void {
  assertNumbersOnce(copies.map(textIn), values)
}

/** Each of the values once, and those of a key in their order. */
export function assertNumbersOnce(found: readonly string[], values: readonly string[]): void {
  const counts = new Map<string, number>()
  for (const value of found) counts.set(value, (counts.get(value) ?? 0) + 1)
  const twice = [...counts]
    .filter(([, count]) => count > 1)
    .map(([value, count]) => `${value} ${count} times`)
  assert.equal(twice, [], 'copied more than once')
  assert.equal(
    values.filter(value => !counts.has(value)),
    [],
    'not copied',
  )
  assert.is(found.length, values.length)
  const last = new Map<string, number>()
  for (const value of found) {
    const number = Number(value.slice(value.indexOf('#') + 1))
    assert.is(number, (last.get(keyOf(value)) ?? -1) + 1, `${value} is out of order`)
    last.set(keyOf(value), number)
  }
}
