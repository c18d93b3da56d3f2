import { BusbarError } from '@busbar/core'
import type { Broker } from '../kafkajs-internals.js'

/** By API key, the version that transactions need: OffsetFetch, InitProducerId and TxnOffsetCommit of Kafka 2.5. */
const neededVersions: readonly (readonly [number, number])[] = [
  [9, 7],
  [22, 3],
  [28, 3],
]

/** @throws BusbarError `CONFIG_INVALID` for a broker that is too old for transactional subscriptions. */
export function checkVersions({ versions }: Broker): void {
  const isOld = neededVersions.some(([key, version]) => (versions?.[key]?.maxVersion ?? version) < version)
  if (!isOld) return
  throw new BusbarError('CONFIG_INVALID', 'Transactional subscriptions need brokers of Kafka 2.5 or newer')
}
