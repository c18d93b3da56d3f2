import { deadline, eventually, freePort, startKafka, tcpProxy, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connected, publish, Received, refusalOf, texts } from './support/test-transport.js'

const test = suite('consumer restart')
const proxyPort = await freePort()
const kafka = await startKafka({ proxyPort })

test.after(() => kafka.stop())

const proxied = async () => tcpProxy({ targetPort: kafka.proxyTargetPort ?? 0, listenPort: proxyPort })

// The first group of a new broker waits for its coordinator: longer than the impatient consumers below.
{
  await using warm = await connected({ brokers: kafka.brokers })
  const topic = uniqueName('warm')
  await warm.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
  await warm.transport.subscribe(
    { group: 'warm', topics: [topic], from: 'earliest', maxInFlight: 1 },
    async () => {},
  )
}

/** Through the proxy; kafkajs gives up soon, so that its consumer crashes soon. */
const fragile = (options = {}) =>
  connected({
    brokers: [`127.0.0.1:${proxyPort}`],
    kafka: { retry: { retries: 1, initialRetryTime: 20, maxRetryTime: 50 }, connectionTimeout: 500 },
    consumer: { retry: { retries: 1, initialRetryTime: 20, maxRetryTime: 50 } },
    ...options,
  })

test('a consumer that died is restarted and goes on where it was', async () => {
  await using proxy = await proxied()
  await using direct = await connected({ brokers: kafka.brokers })
  await using bus = await fragile({ restarts: { limit: 50, delayMs: 50, maxDelayMs: 100 } })
  const topic = uniqueName('restart')
  await direct.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
  const received = new Received()
  const spec = { group: uniqueName('group'), topics: [topic], from: 'earliest', maxInFlight: 10 } as const
  await using _subscription = await bus.transport.subscribe(spec, received.deliver())
  await publish(direct.transport, topic, texts('a', 3))
  await eventually(() => assert.is(received.deliveries.length, 3))
  await eventually(async () => assert.is((await direct.transport.positions(spec.group))[0]?.committed, 3))
  await proxy.refuse()
  proxy.cutAll()
  await eventually(() => assert.ok(bus.events.some(({ type }) => type === 'consumer-restarting')), {
    timeoutMs: 8_000,
  })
  await publish(direct.transport, topic, texts('b', 3))
  await proxy.accept()
  await eventually(() => assert.equal(received.texts.slice(3), texts('b', 3)), { timeoutMs: 40_000 })
})

test('restarts are bounded: then it has failed, and says so', async () => {
  await using proxy = await proxied()
  await using direct = await connected({ brokers: kafka.brokers })
  await using bus = await fragile({ restarts: { limit: 2, delayMs: 10, maxDelayMs: 10 } })
  const topic = uniqueName('restart')
  await direct.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
  const spec = { group: uniqueName('group'), topics: [topic], from: 'earliest', maxInFlight: 10 } as const
  const subscription = await bus.transport.subscribe(spec, async () => {})
  await proxy.refuse()
  proxy.cutAll()
  const reason = await deadline(20_000, 'failing', refusalOf(subscription.closed))
  assert.is(reason.code, 'CONNECTION_FAILED')
  const kinds = bus.events.map(event => (event.type === 'consumer-restarting' ? event.restart : event.type))
  assert.equal(kinds, ['assigned', 'revoked', 1, 2, 'consumer-failed'])
})

test('a lost connection is not a lost consumer', async () => {
  await using proxy = await proxied()
  await using direct = await connected({ brokers: kafka.brokers })
  await using bus = await connected({ brokers: [`127.0.0.1:${proxyPort}`], commitIntervalMs: 50 })
  const topic = uniqueName('restart')
  await direct.transport.ensureTopics([{ name: topic, create: true, partitions: 2 }])
  const received = new Received()
  const spec = { group: uniqueName('group'), topics: [topic], from: 'earliest', maxInFlight: 10 } as const
  await using _subscription = await bus.transport.subscribe(spec, received.deliver())
  for (let round = 0; round < 3; round++) {
    await publish(direct.transport, topic, texts(`r${round}-`, 20))
    proxy.cutAll()
    await publish(direct.transport, topic, texts(`s${round}-`, 20))
    await eventually(() => assert.is(new Set(received.texts).size, 40 * (round + 1)), { timeoutMs: 15_000 })
  }
  assert.is(received.deliveries.length, 120, 'nothing came twice to a member that kept its partitions')
  assert.equal(
    bus.events.map(({ type }) => type),
    ['assigned'],
  )
})

test('a broker that falls silent is left for a new connection', async () => {
  await using proxy = await proxied()
  await using direct = await connected({ brokers: kafka.brokers })
  await using bus = await fragile({
    kafka: { requestTimeout: 400, retry: { retries: 1, initialRetryTime: 20, maxRetryTime: 50 } },
    restarts: { limit: 50, delayMs: 50, maxDelayMs: 100 },
  })
  const topic = uniqueName('restart')
  await direct.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
  const received = new Received()
  const spec = { group: uniqueName('group'), topics: [topic], from: 'earliest', maxInFlight: 10 } as const
  await using _subscription = await bus.transport.subscribe(spec, received.deliver())
  proxy.pause()
  await eventually(() => assert.ok(bus.events.some(({ type }) => type === 'consumer-restarting')), {
    timeoutMs: 15_000,
  })
  proxy.resume()
  await publish(direct.transport, topic, ['v'])
  await eventually(() => assert.equal(received.texts, ['v']), { timeoutMs: 15_000 })
})

test('leaving is soon over when the broker is gone', async () => {
  await using proxy = await proxied()
  await using direct = await connected({ brokers: kafka.brokers })
  const bus = await connected({ brokers: [`127.0.0.1:${proxyPort}`] })
  const topic = uniqueName('restart')
  await direct.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
  await publish(direct.transport, topic, ['v'])
  const silent = async () => proxy.pause()
  const gone = () => proxy.refuse().then(() => proxy.cutAll())
  for (const fault of [silent, gone]) {
    const received = new Received()
    const spec = { group: uniqueName('group'), topics: [topic], from: 'earliest', maxInFlight: 10 } as const
    const subscription = await bus.transport.subscribe(spec, received.deliver())
    await eventually(() => assert.is(received.deliveries.length, 1))
    await fault()
    const start = performance.now()
    await subscription[Symbol.asyncDispose]()
    await subscription.closed
    assert.ok(performance.now() - start < 1_300, `leaving took ${performance.now() - start} ms`)
    proxy.resume()
    await proxy.accept()
  }
  await bus[Symbol.asyncDispose]()
})

test.run()
