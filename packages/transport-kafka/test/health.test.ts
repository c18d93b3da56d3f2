import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { deadline, eventually, freePort, startKafka, tcpProxy, uniqueName } from '@busbar/testkit'
import { type KafkaTransportOptions, kafkaTransport } from '@busbar/transport-kafka'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { kafkaAt } from './kafka-harness.js'

const test = suite('health on Kafka')
const proxyPort = await freePort()
const kafka = await startKafka({ proxyPort })
test.after(() => kafka.stop())

const proxied = () => tcpProxy({ targetPort: kafka.proxyTargetPort ?? 0, listenPort: proxyPort })

function things() {
  const Thing = defineEvent<number>(uniqueName('thing'), { key: String })
  const service = (options: Partial<KafkaTransportOptions> = {}, stalledAfterMs = 1_000) =>
    createBus({
      name: Thing.name,
      transport: kafkaTransport({ brokers: kafka.brokers, ...options }),
      logger: silentLogger,
      health: { stalledAfterMs },
    })
  return { Thing, service }
}

test('lag is what the broker says, for each partition, and a stall is red until it is over', async () => {
  const { Thing, service } = things()
  await using bus = service()
  let release = () => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  bus.subscribe(Thing, () => released)
  await deadline(60_000, 'health', async () => {
    await bus.start()
    const numbers = Array.from({ length: 50 }, (_, number) => number)
    await bus.publishBatch(Thing, numbers)
    await eventually(async () => assert.is((await bus.health()).problems.length, 3), { timeoutMs: 20_000 })
    const { status, partitions, problems } = await bus.health()
    const admin = kafkaAt(kafka.brokers).admin()
    await using _closed = { [Symbol.asyncDispose]: () => admin.disconnect() }
    await admin.connect()
    const ends = await admin.fetchTopicOffsets(Thing.topic.name)
    const lags = (list: { partition: number; lag: number }[]) =>
      list.sort((a, b) => a.partition - b.partition)
    assert.equal(
      lags(
        partitions
          .filter(({ topic }) => topic === Thing.topic.name)
          .map(({ partition, lag }) => ({ partition, lag })),
      ),
      lags(ends.map(({ partition, offset }) => ({ partition, lag: Number(offset) }))),
    )
    assert.is(status, 'red')
    assert.equal(
      problems.map(({ kind, topic, partition }) => [kind, topic, partition]).sort(),
      [0, 1, 2].map(partition => ['stalled', Thing.topic.name, partition]),
    )
    assert.match(problems[0]?.reason ?? '', /wait, and none has been finished for \d+ s: \d+ handlers? runs?/)
    release()
    await eventually(async () => assert.is((await bus.health()).status, 'green'))
    await eventually(async () => {
      const lag = (await bus.health()).partitions.reduce((sum, each) => sum + each.lag, 0)
      assert.is(lag, 0)
    })
  })
})

test('of two instances the one that stalls is red, and both tell of all partitions', async () => {
  const { Thing, service } = things()
  await using stuck = service()
  await using busy = service()
  stuck.subscribe(Thing, () => new Promise(() => {}))
  busy.subscribe(Thing, () => {})
  await deadline(60_000, 'health', async () => {
    await stuck.start()
    await busy.start()
    await eventually(async () => {
      const held = (await busy.health()).partitions.filter(({ isHeld }) => isHeld)
      assert.ok(held.length > 0)
      await stuck.publish(Thing, 1)
      await stuck.publish(Thing, Math.floor(Math.random() * 1_000))
    })
    await eventually(async () => assert.is((await stuck.health()).status, 'red'))
    assert.is((await busy.health()).status, 'green')
    const places = async (bus: typeof busy) =>
      (await bus.health()).partitions.map(({ topic, partition }) => `${topic}/${partition}`).sort()
    assert.equal(await places(stuck), await places(busy))
    await stuck.close({ timeoutMs: 100 })
  })
})

test('a broker that is away is a problem within the time, and none once it is back; a consumer that died says so', async () => {
  await using proxy = await proxied()
  const { Thing, service } = things()
  const retry = { retries: 1, initialRetryTime: 20, maxRetryTime: 50 }
  await using bus = service({
    brokers: [`127.0.0.1:${proxyPort}`],
    kafka: { retry, connectionTimeout: 500 },
    consumer: { retry },
    restarts: { limit: 100, delayMs: 50, maxDelayMs: 100 },
  })
  bus.subscribe(Thing, () => {})
  await deadline(90_000, 'health', async () => {
    await bus.start()
    assert.is((await bus.health()).status, 'green')
    await proxy.refuse()
    proxy.cutAll()
    const kinds = async () => new Set((await bus.health({ timeoutMs: 500 })).problems.map(({ kind }) => kind))
    const startMs = performance.now()
    await kinds()
    assert.ok(performance.now() - startMs < 2_000, 'the look is bounded')
    await eventually(async () => assert.ok((await kinds()).has('broker')), { timeoutMs: 20_000 })
    await eventually(async () => assert.ok((await kinds()).has('consumer-restarting')), { timeoutMs: 20_000 })
    await proxy.accept()
    await eventually(async () => assert.is((await bus.health()).status, 'green'), { timeoutMs: 40_000 })
  })
})

test.run()
