import { setTimeout as sleep } from 'node:timers/promises'
import type { InboundRecord, PartitionPosition } from '@busbar/core'
import { deadline, eventually, kafkaClusterForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { kafkaAt } from './kafka-harness.js'
import { short } from './support/short.js'
import { connected, publish, Received, textOf, texts } from './support/test-transport.js'

const test = suite('broker failures')
const heavy: (...args: Parameters<typeof test>) => void = short ? () => {} : test
const rounds = short ? 1 : 3

const cluster = await kafkaClusterForTests()
test.after(() => cluster?.stop())

/** Publishes numbers under a few keys until it is stopped. */
function publishing(transport: Parameters<typeof publish>[0], topic: string) {
  const stored: string[] = []
  const failures: unknown[] = []
  let over = false
  const run = async (key: string) => {
    for (let number = 0; !over; number++) {
      const value = `${key}#${number}`
      await publish(transport, topic, [value], { key: () => key }).then(
        () => stored.push(value),
        (error: unknown) => failures.push(error),
      )
      await sleep(10)
    }
  }
  const done = Promise.all(texts('k', 8).map(run))
  return {
    stored,
    failures,
    async stop() {
      over = true
      await done
    },
  }
}

/** What came of each key, in the order in which it came first, must be in the order it was sent; nothing may be missing. */
function checkAll(came: readonly string[], stored: readonly string[]): void {
  const seen = new Set(came)
  assert.equal(
    stored.filter(value => !seen.has(value)),
    [],
    'lost',
  )
  const last = new Map<string, number>()
  for (const value of seen) {
    const [key = '', number] = value.split('#')
    assert.ok(Number(number) > (last.get(key) ?? -1), `${value} came after ${last.get(key)}`)
    last.set(key, Number(number))
  }
}

/** Asks for a group's committed positions until it is stopped. */
function watching(positions: () => Promise<readonly PartitionPosition[]>) {
  const highest = new Map<number, number>()
  const regressions: string[] = []
  let over = false
  const look = async () => {
    while (!over) {
      // While brokers are down nobody may be able to say.
      for (const { partition, committed } of await positions().catch(() => [])) {
        const before = highest.get(partition) ?? 0
        if (committed < before) regressions.push(`${partition}: from ${before} to ${committed}`)
        highest.set(partition, Math.max(before, committed))
      }
      await sleep(50)
    }
  }
  const done = look()
  return {
    regressions,
    async stop() {
      over = true
      await done
    },
  }
}

/** The nodes that lead a partition of a topic, that of partition 0 first. */
async function leadersOf(brokers: string[], topic: string): Promise<number[]> {
  const admin = kafkaAt(brokers).admin()
  await admin.connect()
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  await admin.disconnect()
  const partitions = (topics[0]?.partitions ?? []).toSorted((a, b) => a.partitionId - b.partitionId)
  return partitions.map(({ leader }) => leader)
}

/** How many members a group has, once it has settled. */
async function membersOf(brokers: string[], group: string): Promise<number> {
  const admin = kafkaAt(brokers).admin()
  await admin.connect()
  try {
    return await eventually(async () => {
      const { groups } = await admin.describeGroups([group])
      assert.is(groups[0]?.state, 'Stable')
      return groups[0]?.members.length ?? 0
    })
  } finally {
    await admin.disconnect()
  }
}

if (cluster) {
  const open = (options = {}) => connected({ brokers: cluster.brokers, commitIntervalMs: 100, ...options })
  const newTopic = async (bus: Awaited<ReturnType<typeof open>>) => {
    const name = uniqueName('failures')
    await bus.transport.ensureTopics([{ name, create: true, partitions: 6 }])
    return name
  }

  test('a group and a reader outlive leaders that are killed and come back, with publishes going on', async () => {
    await using bus = await open()
    await using observer = await open()
    const topic = await newTopic(bus)
    const group = uniqueName('group')
    const received = new Received()
    const read: string[] = []
    await using subscription = await bus.transport.subscribe(
      { group, topics: [topic], from: 'earliest', maxInFlight: 100 },
      received.deliver(),
    )
    await using _reader = await bus.transport.read(
      { topic, from: 'earliest' },
      (records: readonly InboundRecord[]) => {
        for (const { value } of records) read.push(Buffer.from(value ?? []).toString())
      },
    )
    const publisher = publishing(bus.transport, topic)
    const watch = watching(() => observer.transport.positions(group))
    for (let round = 0; round < rounds; round++) {
      const node = (await leadersOf(cluster.brokers, topic))[round] ?? 1
      await cluster.kill(node)
      await sleep(3_000)
      await cluster.restart(node)
      await sleep(1_000)
    }
    await publisher.stop()
    assert.equal(publisher.failures, [])
    const { stored } = publisher
    await eventually(() => assert.ok(new Set(received.texts).size >= stored.length), { timeoutMs: 30_000 })
    await eventually(() => assert.ok(new Set(read).size >= stored.length), { timeoutMs: 30_000 })
    checkAll(received.deliveries.map(textOf), stored)
    checkAll(read, stored)
    assert.is(read.length, stored.length, 'a reader gets nothing twice')
    await eventually(
      async () => {
        const lags = (await observer.transport.positions(group)).map(({ lag }) => lag)
        assert.is(lags.length, 6)
        assert.equal(
          lags.filter(lag => lag > 0),
          [],
        )
      },
      { timeoutMs: 30_000 },
    )
    await watch.stop()
    assert.equal(watch.regressions, [])
    await deadline(2_000, 'leaving', subscription[Symbol.asyncDispose]())
  })

  heavy('a clean stop moves the leaders, and nobody notices', async () => {
    await using bus = await open()
    const topic = await newTopic(bus)
    const received = new Received()
    const spec = { group: uniqueName('group'), topics: [topic], from: 'earliest', maxInFlight: 100 } as const
    await using _subscription = await bus.transport.subscribe(spec, received.deliver())
    const publisher = publishing(bus.transport, topic)
    for (const node of [1, 2, 3]) {
      await cluster.stopNode(node)
      await sleep(500)
      await cluster.restart(node)
      await sleep(1_000)
    }
    await publisher.stop()
    assert.equal(publisher.failures, [])
    await eventually(() => assert.ok(new Set(received.texts).size >= publisher.stored.length), {
      timeoutMs: 30_000,
    })
    checkAll(received.texts, publisher.stored)
    const failed = bus.events.filter(({ type }) => type === 'consumer-failed')
    assert.equal(failed, [])
  })

  heavy('leaving in the midst of a join, and with no broker there, ends within its bound', async () => {
    await using bus = await open({ closeTimeoutMs: 500 })
    const topic = await newTopic(bus)
    const group = uniqueName('group')
    const spec = { group, topics: [topic], from: 'earliest', maxInFlight: 10 } as const
    await using first = await bus.transport.subscribe(spec, async () => {})
    for (const delayMs of [0, 5, 20, 60, 150]) {
      const other = await open({ closeTimeoutMs: 500 })
      let joined = false
      const joining = other.transport
        .subscribe(spec, async () => {})
        .then(
          () => {
            joined = true
            return 'joined'
          },
          (error: unknown) => (error as { code?: string }).code,
        )
      await sleep(delayMs)
      const early = joined
      await deadline(2_500, 'disposing of the transport', other[Symbol.asyncDispose]())
      assert.is(await deadline(100, 'settling the join', joining), early ? 'joined' : 'BUS_CLOSED')
      const members = await membersOf(cluster.brokers, group)
      assert.is(members, 1, 'nobody joins who was told to go')
    }
    // Both go on: a join, of which the others were told, must not keep anyone waiting.
    const changing = first.setTopics([topic]).catch((error: { code: string }) => error.code)
    for (const node of [1, 2, 3]) await cluster.kill(node)
    await deadline(2_500, 'leaving', first[Symbol.asyncDispose]())
    await deadline(5_000, 'the change', changing)
  })
}

test.run()
