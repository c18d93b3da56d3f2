import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery, PartitionPosition } from '@busbar/core'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connected, publish, Received, texts } from './support/test-transport.js'

const kafka = await kafkaForTests()
const test = suite('rebalance')
const partitions = 6

/** Watches the committed positions of a group until it is stopped; they must never go back. */
function watchPositions(positions: () => Promise<readonly PartitionPosition[]>) {
  const highest = new Map<number, number>()
  const regressions: string[] = []
  let watching = true
  const done = (async () => {
    while (watching) {
      for (const { partition, committed } of await positions()) {
        const before = highest.get(partition) ?? 0
        if (committed < before) regressions.push(`${partition}: ${before} to ${committed}`)
        highest.set(partition, Math.max(before, committed))
      }
      await sleep(10)
    }
  })()
  return {
    regressions,
    async stop() {
      watching = false
      await done
    },
  }
}

if (kafka) {
  const open = (options = {}) => connected({ brokers: kafka.brokers, commitIntervalMs: 50, ...options })

  test('members that come and go in mid-stream lose nothing, and no position goes back', async () => {
    await using bus = await open()
    const topic = uniqueName('rebalance')
    const group = uniqueName('group')
    await bus.transport.ensureTopics([{ name: topic, create: true, partitions }])
    const sent = texts('v', 3_000)
    const seen = new Set<string>()
    const outOfOrder: string[] = []
    /** Handles each partition's records one after the other, some milliseconds each, as a slow handler would. */
    const join = (transport: typeof bus.transport) => {
      const chains = new Map<number, Promise<void>>()
      const last = new Map<AbortSignal, Map<number, number>>()
      return transport.subscribe(
        { group, topics: [topic], from: 'earliest', maxInFlight: 50 },
        async batch => {
          for (const delivery of batch.deliveries) {
            const { partition } = delivery.record
            const before = chains.get(partition) ?? Promise.resolve()
            chains.set(
              partition,
              before.then(() => handle(delivery, batch.signal, last)),
            )
          }
        },
      )
    }
    const handle = async (
      delivery: Delivery,
      signal: AbortSignal,
      last: Map<AbortSignal, Map<number, number>>,
    ) => {
      if (signal.aborted) return
      if (delivery.record.offset % 10 === 0) await sleep(1)
      if (signal.aborted) return
      const { partition, offset, value } = delivery.record
      if (delivery.settle({ kind: 'ack' })) seen.add(Buffer.from(value ?? []).toString())
      // Within one ownership, which a signal stands for, offsets only go up.
      if (offset <= (last.get(signal)?.get(partition) ?? -1)) outOfOrder.push(`${partition}/${offset}`)
      last.set(signal, new Map(last.get(signal)).set(partition, offset))
    }
    const watch = watchPositions(() => bus.transport.positions(group))
    const sending = (async () => {
      for (let i = 0; i < sent.length; i += 50) {
        await publish(bus.transport, topic, sent.slice(i, i + 50))
        await sleep(40)
      }
    })()
    await using other = await open()
    const steady = await join(bus.transport)
    for (let round = 0; round < 4; round++) {
      const guest = await deadline(10_000, 'joining', join(other.transport))
      await sleep(250)
      await deadline(3_000, 'leaving', guest[Symbol.asyncDispose]())
      await sleep(100)
    }
    await sending
    await eventually(() => assert.is(seen.size, sent.length), { timeoutMs: 15_000 })
    await eventually(async () => {
      const positions = await bus.transport.positions(group)
      assert.is(
        positions.reduce((sum, { lag }) => sum + lag, 0),
        0,
      )
    })
    await watch.stop()
    assert.equal(watch.regressions, [])
    assert.equal(outOfOrder, [])
    await steady[Symbol.asyncDispose]()
  })

  test('a partition that stays keeps its deliveries; one that goes is revoked', async () => {
    await using bus = await open()
    await using other = await open()
    const topic = uniqueName('rebalance')
    const group = uniqueName('group')
    await bus.transport.ensureTopics([{ name: topic, create: true, partitions: 2 }])
    await publish(bus.transport, topic, ['zero'], { partition: 0 })
    await publish(bus.transport, topic, ['one'], { partition: 1 })
    const first = new Received()
    const spec = { group, topics: [topic], from: 'earliest', maxInFlight: 10 } as const
    await using _first = await bus.transport.subscribe(
      spec,
      first.deliver(() => true),
    )
    await eventually(() => assert.is(first.deliveries.length, 2))
    const second = new Received()
    await using _second = await other.transport.subscribe(spec, second.deliver())
    await eventually(() => assert.is(second.deliveries.length, 1))
    const revoked = first.batches.filter(({ signal }) => signal.aborted)
    assert.is(revoked.length, 1)
    assert.is(revoked[0]?.partition, second.deliveries[0]?.record.partition)
    const settled = first.deliveries.map(delivery => delivery.settle({ kind: 'ack' }))
    assert.equal(settled.filter(Boolean).length, 1)
    await sleep(200)
    assert.is(first.deliveries.length, 2, 'nothing came twice to the member that kept its partition')
    const kinds = bus.events.map(({ type }) => type)
    assert.equal(kinds, ['assigned', 'revoked'])
  })

  test('a member that vanished without leaving is replaced after its session, from its last commit', async () => {
    await using other = await open({ consumer: { sessionTimeout: 1_000 } })
    const gone = await open({ consumer: { sessionTimeout: 1_000 } })
    const topic = uniqueName('rebalance')
    const group = uniqueName('group')
    await other.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
    await publish(other.transport, topic, texts('v', 4))
    const spec = { group, topics: [topic], from: 'earliest', maxInFlight: 10 } as const
    const first = new Received()
    await gone.transport.subscribe(
      spec,
      first.deliver(({ record }) => record.offset >= 2),
    )
    await eventually(async () => assert.is((await other.transport.positions(group))[0]?.committed, 2))
    gone.transport.abandon()
    assert.is(first.deliveries[2]?.settle({ kind: 'ack' }), false)
    const second = new Received()
    await using _second = await other.transport.subscribe(spec, second.deliver())
    await eventually(() => assert.equal(second.texts, ['v2', 'v3']), { timeoutMs: 8_000 })
  })

  test('a rolling deploy with different topics strands no partition', async () => {
    await using bus = await open()
    await using other = await open()
    const [old, added] = [uniqueName('old'), uniqueName('added')] as const
    const group = uniqueName('group')
    await bus.transport.ensureTopics([old, added].map(name => ({ name, create: true, partitions: 3 })))
    const received = new Received()
    const spec = (topics: string[]) => ({ group, topics, from: 'earliest', maxInFlight: 10 }) as const
    // The old version is the leader: it knows nothing of the added topic.
    await using _old = await bus.transport.subscribe(spec([old]), received.deliver())
    await using _new = await other.transport.subscribe(spec([old, added]), received.deliver())
    for (const topic of [old, added]) {
      for (let partition = 0; partition < 3; partition++)
        await publish(bus.transport, topic, [`${topic}${partition}`], { partition })
    }
    await eventually(() => assert.is(new Set(received.texts).size, 6))
  })
}

test.run()
