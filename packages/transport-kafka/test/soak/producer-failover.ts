// A producer whose brokers are killed and come back: `pnpm cluster-faults` runs it.
import { BusbarError } from '@busbar/core'
import { eventually, kafkaClusterForTests, type RunningKafkaCluster } from '@busbar/testkit'
import kafkajs, { type Kafka } from 'kafkajs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { kafkaAt, newTopic, producerAt, readTopic, record } from '../kafka-harness.js'

let cluster: RunningKafkaCluster | undefined
let kafka: Kafka

test.before(async () => {
  cluster = await kafkaClusterForTests()
  kafka = kafkaAt(cluster?.brokers ?? [], {
    retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 1_000 },
  })
})

test.after(async () => {
  await cluster?.stop()
})

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

test('brokers that are killed lose, double and reorder nothing', async () => {
  if (!cluster) return
  const topic = await newTopic(kafka, 6)
  const producer = await producerAt(kafka, { requestTimeoutMs: 3_000 })
  const positions = new Map<string, string>()
  const failures: unknown[] = []
  let over = false
  const publisher = async (name: string): Promise<number> => {
    const sent: Promise<void>[] = []
    let number = 0
    for (; !over; number++) {
      const value = `${name}#${number}`
      sent.push(
        producer.send([record(topic, value, { key: Buffer.from(name) })]).then(
          ([position]) => void positions.set(value, `${position?.partition}:${position?.offset}`),
          (error: unknown) => void failures.push(error),
        ),
      )
      await sleep(2)
    }
    await Promise.all(sent)
    return number
  }
  const publishers = Array.from({ length: 12 }, (_, i) => publisher(`p${i}`))
  await sleep(1_000)
  for (const nodeId of [1, 2]) {
    await cluster.kill(nodeId)
    await sleep(4_000)
    await cluster.restart(nodeId)
    await sleep(2_000)
  }
  over = true
  const total = (await Promise.all(publishers)).reduce((sum, count) => sum + count, 0)
  assert.equal(
    failures.map(error => (error instanceof BusbarError ? error.code : String(error))),
    [],
  )
  assert.is(positions.size, total)
  const found = await readTopic(kafka, topic)
  assert.is(found.length, total)
  const last = new Map<string, number>()
  for (const { value, partition, offset } of found) {
    assert.is(positions.get(String(value)), `${partition}:${offset}`)
    const [name = '', number] = String(value).split('#')
    assert.is(Number(number), (last.get(name) ?? -1) + 1)
    last.set(name, Number(number))
  }
  await producer.close()
})

test('of a batch that is refused for now, only what nobody has given up is stored later', async () => {
  if (!cluster) return
  const topic = await newTopic(kafka, 1, { 'min.insync.replicas': '3' })
  // The nodes of the case before may still be coming back.
  const patient = await producerAt(kafka)
  await patient.send([record(topic, 'patient')])
  await patient.close()
  const producer = await producerAt(kafka, {
    lingerMs: 2_500,
    publishTimeoutMs: 6_000,
    retryBackoff: { minMs: 10, maxMs: 20 },
  })
  await producer.send([record(topic, 'before')])
  const admin = kafka.admin()
  await admin.connect()
  const partition = async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions[0]
  // A follower: with the leader gone it would not be known what became of a record.
  await cluster.kill((await partition())?.leader === 3 ? 2 : 3)
  const shrunk = async () => assert.is((await partition())?.isr.length, 2)
  await eventually(shrunk, { timeoutMs: 30_000, everyMs: 100 })
  const early = producer.send([record(topic, 'given up')]).catch((error: BusbarError) => error.code)
  await sleep(2_200)
  const late = producer.send([record(topic, 'kept')])
  assert.is(await early, 'PUBLISH_FAILED')
  const configEntries = [{ name: 'min.insync.replicas', value: '2' }]
  const type = kafkajs.ConfigResourceTypes.TOPIC
  await admin.alterConfigs({ validateOnly: false, resources: [{ type, name: topic, configEntries }] })
  await admin.disconnect()
  assert.equal(await late, [{ topic, partition: 0, offset: 2 }])
  await producer.send([record(topic, 'after')])
  assert.equal(
    (await readTopic(kafka, topic)).map(({ value }) => String(value)),
    ['patient', 'before', 'kept', 'after'],
  )
  await producer.close()
})

test.run()
