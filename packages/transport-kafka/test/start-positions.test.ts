import { type SubscribeSpec, systemRuntime } from '@busbar/core'
import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Generation } from '../dist/coordinator-gate.js'
import { startPositions } from '../dist/start-positions.js'
import { kafkaAt } from './kafka-harness.js'
import { connected, publish, Received } from './support/test-transport.js'

const kafka = await kafkaForTests()
const test = suite('start positions')

interface Committed {
  readonly partition: number
  readonly offset: string
  readonly metadata: string | null
}

/** A generation whose topic `t` has six partitions with the records 10 to 19, and in which these are committed. */
function generationOf(committed: readonly Committed[], counts: ReadonlyMap<string, number>): Generation {
  const partitions = [0, 1, 2, 3, 4, 5]
  const broker = {
    listOffsets: async ({
      topics,
    }: {
      topics: { partitions: { timestamp: number; partition: number }[] }[]
    }) => ({
      responses: topics.map(topic => ({
        topic: 't',
        partitions: topic.partitions.map(({ partition, timestamp }) => ({
          partition,
          offset: timestamp === -2 ? '10' : '20',
        })),
      })),
    }),
  }
  const cluster = {
    findTopicPartitionMetadata: () => partitions.map(partitionId => ({ partitionId })),
    findLeaderForPartitions: (_: string, numbers: readonly number[]) => ({ 1: [...numbers] }),
    findBroker: async () => broker,
  }
  const coordinator = {
    offsetFetch: async ({ topics }: { topics: { partitions: { partition: number }[] }[] }) => ({
      responses: topics.map(topic => ({
        topic: 't',
        partitions: topic.partitions.map(
          ({ partition }) =>
            committed.find(each => each.partition === partition) ?? { partition, offset: '-1', metadata: '' },
        ),
      })),
    }),
  }
  const generation = {
    group: 'g',
    memberId: 'm',
    generationId: 1,
    coordinator,
    cluster,
    partitions: [],
    counts,
  }
  return generation as unknown as Generation
}

async function starts(
  from: SubscribeSpec['from'],
  committed: readonly Committed[],
  assigned: readonly number[],
): Promise<(readonly [number, number, number])[]> {
  const found = await startPositions(
    generationOf(committed, new Map([['t', 6]])),
    assigned.map(partition => ({ topic: 't', partition })),
    from,
    systemRuntime,
    () => {},
  )
  return found.map(
    ({ partition, start, partitionsAtStart }) => [partition, start, partitionsAtStart] as const,
  )
}

test('a new group starts where it says, and notes how many partitions there were', async () => {
  assert.equal(await starts('latest', [], [0, 5]), [
    [0, 20, 6],
    [5, 20, 6],
  ])
  assert.equal(await starts('earliest', [], [0]), [[0, 10, 6]])
})

test('members that start together all start at the latest, and added partitions at their beginning', async () => {
  // Another member has committed its start already, when the topic had four partitions.
  const committed = [{ partition: 1, offset: '15', metadata: 'partitions=4' }]
  assert.equal(await starts('latest', committed, [0, 1, 3, 4, 5]), [
    [0, 20, 6],
    [1, 15, 4],
    [3, 20, 6],
    [4, 10, 6],
    [5, 10, 6],
  ])
})

test('where another client has committed, nothing is skipped', async () => {
  const committed = [{ partition: 1, offset: '15', metadata: 'by hand' }]
  assert.equal(await starts('latest', committed, [0, 1]), [
    [0, 10, 6],
    [1, 15, 6],
  ])
})

if (kafka) {
  test('what is sent to an added partition before it is assigned reaches a group that began at the latest', async () => {
    await using bus = await connected({ brokers: kafka.brokers, consumer: { metadataMaxAge: 300 } })
    const topic = uniqueName('grown')
    await bus.transport.ensureTopics([{ name: topic, create: true, partitions: 2 }])
    await publish(bus.transport, topic, ['before'], { partition: 1 })
    const received = new Received()
    const spec = { group: uniqueName('group'), topics: [topic], from: 'latest', maxInFlight: 9 } as const
    await using subscription = await bus.transport.subscribe(spec, received.deliver())
    const admin = kafkaAt(kafka.brokers).admin()
    await admin.connect()
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] })
    await admin.disconnect()
    await using sender = await connected({ brokers: kafka.brokers })
    await eventually(() => publish(sender.transport, topic, ['added'], { partition: 3 }))
    await eventually(() => assert.equal(received.texts, ['added']), { timeoutMs: 10_000 })
    await subscription[Symbol.asyncDispose]()
    const positions = await bus.transport.positions(spec.group)
    assert.equal(
      positions.map(({ committed }) => committed),
      [0, 1, 0, 1],
    )
  })
}

test.run()
