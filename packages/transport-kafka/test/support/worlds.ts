import {
  type InboundRecord,
  type OutboundRecord,
  silentLogger,
  systemRuntime,
  type Transport,
} from '@busbar/core'
import { uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'

/** A broker of some kind, and a way to write to it whatever another producer might. */
export interface World extends AsyncDisposable {
  readonly name: string
  /** A transport for one more bus. */
  transport(): Transport
  /** Connected, and used by no bus. */
  readonly raw: Transport
}

/** Makes the same broker's worlds again and again: the in-memory one and, where there is one, Kafka. */
export function worlds(
  brokers: readonly string[] | undefined,
): { name: string; open: () => Promise<World> }[] {
  const memory = async () => {
    const broker = memoryBroker()
    return world('memory', () => memoryTransport({ broker }))
  }
  const kafka =
    brokers && (async () => world('kafka', () => kafkaTransport({ brokers, commitIntervalMs: 20 })))
  return [{ name: 'memory', open: memory }, ...(kafka ? [{ name: 'kafka', open: kafka }] : [])]
}

async function world(name: string, transport: () => Transport): Promise<World> {
  const raw = transport()
  await raw.connect({ clientId: 'foreign', logger: silentLogger, runtime: systemRuntime, onEvent: () => {} })
  return { name, transport, raw, [Symbol.asyncDispose]: () => raw[Symbol.asyncDispose]() }
}

/** A record as some other producer might write it: with CloudEvents headers for `type`, whatever its bytes. */
export function foreign(topic: string, type: string, more: Partial<OutboundRecord> = {}): OutboundRecord {
  return {
    topic,
    key: null,
    value: null,
    timestampMs: Date.now(),
    ...more,
    headers: {
      ce_specversion: '1.0',
      ce_id: uniqueName('foreign'),
      ce_type: type,
      ce_source: 'elsewhere',
      ...more.headers,
    },
  }
}

/** Where a group stands in one partition; undefined before its first commit. */
export async function positionOf(
  { raw }: World,
  group: string,
  topic: string,
  partition = 0,
): Promise<number | undefined> {
  const positions = await raw.positions(group)
  return positions.find(each => each.topic === topic && each.partition === partition)?.committed
}

/** Records that a group has not yet finished, over all partitions. */
export async function lagOf({ raw }: World, group: string): Promise<number> {
  return (await raw.positions(group)).reduce((sum, { lag }) => sum + lag, 0)
}

/** Everything that is stored in a topic. */
export async function stored({ raw }: World, topic: string): Promise<InboundRecord[]> {
  const found: InboundRecord[] = []
  const reader = await raw.read(
    { topic, from: 'earliest', until: 'end' },
    records => void found.push(...records),
  )
  await reader.closed
  return found
}
