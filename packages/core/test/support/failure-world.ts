import {
  type Bus,
  type BusOptions,
  createBus,
  type DeliveryReport,
  defineEvent,
  type InboundRecord,
  type OutboundRecord,
} from '@busbar/core'
import {
  type MemoryBroker,
  type MemoryTransport,
  memoryBroker,
  memoryTransport,
  type Retention,
} from '@busbar/transport-memory'
import { type LogLine, recordingLogger } from './bus.js'
import { FakeRuntime, settle } from './fake-runtime.js'

/** An event whose key decides its lane; events of one key keep their order. */
export interface Thing {
  readonly id: string
  readonly key?: string
}
export const Thing = defineEvent<Thing>('thing', { topic: 'things', key: thing => thing.key ?? thing.id })

export interface Service {
  readonly bus: Bus
  readonly transport: MemoryTransport
  readonly lines: LogLine[]
  readonly reports: DeliveryReport[]
}

export interface World extends AsyncDisposable {
  readonly runtime: FakeRuntime
  readonly broker: MemoryBroker
  /** One more instance on the same broker and the same clock. */
  service(options?: Partial<BusOptions>): Service
  /** A service that refuses some sends: `refuse` throws for a record that is not to be stored. */
  refusing(refuse: (record: OutboundRecord) => void, options?: Partial<BusOptions>): Service
  /** The records of a topic; none if there is no such topic. */
  records(topic: string): InboundRecord[]
  /** Where a group stands in a partition of a topic. */
  committed(group: string, topic?: string, partition?: number): number
  /** Moves the clock in steps until the condition holds. */
  advanceUntil(condition: () => boolean, what: string, stepMs?: number): Promise<void>
}

/** A broker, a clock that stands still, and the services on them. Disposing closes them all. */
export function world(
  options: { partitions?: number; runtime?: FakeRuntime; retention?: Retention } = {},
): World {
  const runtime = options.runtime ?? new FakeRuntime()
  const broker = memoryBroker({ partitions: options.partitions ?? 1, retention: options.retention ?? {} })
  const open: Bus[] = []
  const service = (more: Partial<BusOptions> = {}, transport = memoryTransport({ broker })): Service => {
    const lines: LogLine[] = []
    const bus = createBus({ name: 'service', transport, runtime, logger: recordingLogger(lines), ...more })
    const reports: DeliveryReport[] = []
    bus.onDelivery(report => reports.push(report))
    open.push(bus)
    return { bus, transport, lines, reports }
  }
  return {
    runtime,
    broker,
    service,
    refusing: (refuse, more) => {
      const transport = memoryTransport({ broker })
      const send = transport.send.bind(transport)
      transport.send = async records => {
        for (const record of records) refuse(record)
        return send(records)
      }
      return service(more, transport)
    },
    records: topic => (broker.topics().includes(topic) ? broker.records(topic) : []),
    committed: (group, topic = 'things', partition = 0) =>
      broker.positions(group).find(each => each.topic === topic && each.partition === partition)?.committed ??
      -1,
    advanceUntil: async (condition, what, stepMs = 50) => {
      for (let step = 0; !condition(); step++) {
        if (step === 2_000) throw new Error(`${what}: not so after ${step * stepMs} ms`)
        await runtime.advance(stepMs)
      }
    },
    [Symbol.asyncDispose]: async () => {
      const closing = Promise.all(open.map(bus => bus.close({ timeoutMs: 100 })))
      let closed = false
      closing.then(
        () => (closed = true),
        () => (closed = true),
      )
      for (let step = 0; !closed && step < 200; step++) await runtime.advance(100)
      await closing
    },
  }
}

/** Lets turns run until the condition holds, with the clock standing still. */
export async function until(condition: () => boolean, what: string, turns = 20_000): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn === turns) throw new Error(`${what}: not so after ${turns} turns`)
    await settle(1)
  }
}

const decoder = new TextDecoder()

/** A header of a record as text; undefined where it is not there. */
export function headerOf(record: InboundRecord, name: string): string | undefined {
  const value = record.headers[name]
  const last = value instanceof Uint8Array ? value : value?.at(-1)
  return last === undefined ? undefined : decoder.decode(last)
}
