import { type Codec, defineEvent } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import { deferred, rejects, throws } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { text } from './support/deliveries.js'
import { settle } from './support/fake-runtime.js'

const test = suite('publish')
const Thing = defineEvent<number>('thing', { key: n => `key-${n % 2}` })

const stored = (broker: ReturnType<typeof testBus>['broker'], topic = 'thing') =>
  broker.records(topic).map(record => text(record.value))

/** A transport whose `ensureTopics` and `send` wait for the test. */
function slowTransport() {
  const broker = memoryBroker({ partitions: 1 })
  const transport = memoryTransport({ broker })
  const gate = deferred()
  const ensure = transport.ensureTopics.bind(transport)
  transport.ensureTopics = async topics => {
    await gate.promise
    await ensure(topics)
  }
  return { broker, transport, gate }
}

test('resolves with the id and the position, and writes key, value and envelope', async () => {
  const { bus, broker } = testBus()
  await deadline(5_000, 'publish', async () => {
    await bus.start()
    const receipt = await bus.publish(Thing, 7, { headers: { mine: 'x' } })
    assert.match(receipt.id, /^[0-9a-f-]{36}$/)
    assert.equal([receipt.topic, receipt.partition, receipt.offset], ['thing', 0, 0])
    const [record] = broker.records('thing')
    assert.equal([text(record?.key ?? null), text(record?.value ?? null)], ['key-1', '7'])
    assert.is(text(record?.headers['ce_id'] as Uint8Array), receipt.id)
    assert.is(text(record?.headers['mine'] as Uint8Array), 'x')
    await bus.close()
  })
})

test('the key of a call goes before that of the contract, and null is none', async () => {
  const { bus, broker } = testBus()
  await deadline(5_000, 'publish', async () => {
    await bus.start()
    await bus.publish(Thing, 1, { key: 'own' })
    await bus.publish(Thing, 1, { key: null })
    await bus.publish(Thing, 1, { key: Uint8Array.of(1) })
    await rejects(bus.publish(Thing, 1, { key: 7 as unknown as string }), 'CONFIG_INVALID')
    assert.equal(
      broker.records('thing').map(({ key }) => key && [...key]),
      [[111, 119, 110], null, [1]],
    )
    await bus.close()
  })
})

test('before the start a publish waits; then all go out in the order of the calls', async () => {
  const { bus, broker } = testBus()
  await deadline(5_000, 'publish', async () => {
    const early = [0, 1, 2].map(n => bus.publish(Thing, n))
    await settle()
    assert.equal(broker.topics(), [])
    const starting = bus.start()
    early.push(bus.publish(Thing, 3))
    await starting
    early.push(bus.publish(Thing, 4))
    await settle()
    early.push(bus.publish(Thing, 5))
    await Promise.all(early)
    assert.equal(stored(broker), ['0', '1', '2', '3', '4', '5'])
    await bus.close()
  })
})

test('the order holds while a topic takes its time, with and without having waited for the start', async () => {
  const { broker, transport, gate } = slowTransport()
  const { bus } = testBus({ transport })
  await deadline(5_000, 'publish', async () => {
    const publishes = [bus.publish(Thing, 0)]
    await bus.start()
    publishes.push(bus.publish(Thing, 1))
    await settle()
    publishes.push(bus.publish(Thing, 2))
    gate.resolve()
    await settle(1)
    publishes.push(bus.publish(Thing, 3))
    await Promise.all(publishes)
    publishes.push(bus.publish(Thing, 4))
    await Promise.all(publishes)
    assert.equal(stored(broker), ['0', '1', '2', '3', '4'])
    await bus.close()
  })
})

/** Encodes the first payload only when the gate opens. */
function gatedCodec() {
  const gate = deferred()
  let first = true
  const codec: Codec<number> = {
    contentType: 'text/plain',
    encode: n => {
      if (n < 0) throw new Error('negative')
      const encoded = Buffer.from(String(n))
      const waits = first
      first = false
      return waits ? gate.promise.then(() => encoded) : encoded
    },
    decode: value => Number(text(value)),
  }
  return { gate, Slow: defineEvent('slow', { schema: codec, key: () => 'one' }) }
}

test('a publish whose asynchronous schema takes long is not overtaken, and a failure holds nobody back', async () => {
  const { bus, broker } = testBus()
  await deadline(5_000, 'publish', async () => {
    await bus.start()
    const { gate, Slow } = gatedCodec()
    await bus.publish(defineEvent('warm', { topic: 'slow' }), 0)
    await settle()
    const publishes = [bus.publish(Slow, 1), bus.publish(Slow, 2)]
    const failing = rejects(bus.publish(Slow, -1), 'ENCODE_FAILED')
    const batch = bus.publishBatch(Slow, [3, 4])
    const other = await bus.publish(Thing, 1)
    assert.is(other.topic, 'thing', 'another topic does not wait')
    gate.resolve()
    await Promise.all([...publishes, failing, batch])
    assert.equal(stored(broker, 'slow'), ['0', '1', '2', '3', '4'])
    await bus.close()
  })
})

test('a failed topic is tried again by the next publish', async () => {
  const { bus, broker } = testBus({ topics: { create: false } })
  await deadline(5_000, 'publish', async () => {
    await bus.start()
    await rejects(bus.publish(Thing, 1), 'TOPIC_MISSING')
    broker.createTopic('thing')
    await bus.publish(Thing, 1)
    await bus.close()
  })
})

test('a payload, a header, an id or a definition that is wrong is refused and nothing is sent', async () => {
  const { bus, broker } = testBus()
  const Strict = defineEvent('strict', { schema: z.object({ id: z.string() }) })
  await deadline(5_000, 'publish', async () => {
    await bus.start()
    await rejects(bus.publish(Strict, { id: 7 } as unknown as { id: string }), 'PAYLOAD_INVALID')
    await rejects(bus.publish(Thing, 1, { headers: { ce_id: 'x' } }), 'HEADER_INVALID')
    for (const id of ['', '\ud800', 7])
      await rejects(bus.publish(Thing, 1, { id: id as string }), 'HEADER_INVALID')
    for (const bad of [undefined, null, 'thing', {}, { kind: 'request' }]) {
      await rejects(bus.publish(bad as unknown as typeof Thing, 1), 'EVENT_UNKNOWN')
      throws(() => bus.subscribe(bad as unknown as typeof Thing, () => {}), 'EVENT_UNKNOWN')
    }
    assert.equal(broker.topics(), [])
    await bus.close()
  })
})

test('of a batch nothing is sent when one payload is wrong, and an empty one is fine', async () => {
  const { bus, broker } = testBus()
  const Strict = defineEvent('strict', { schema: z.number() })
  await deadline(5_000, 'publish', async () => {
    await bus.start()
    const error = await rejects(bus.publishBatch(Strict, [1, 'x' as unknown as number, 3]), 'PAYLOAD_INVALID')
    assert.match(error.message, /record 1 of a batch of 3/)
    assert.equal(broker.topics(), [])
    assert.equal(await bus.publishBatch(Strict, []), [])
    const receipts = await bus.publishBatch(Strict, [1, 2, 3])
    assert.equal(
      receipts.map(receipt => receipt.offset),
      [0, 1, 2],
    )
    assert.is(new Set(receipts.map(receipt => receipt.id)).size, 3)
    await bus.close()
  })
})

test('a key that cannot be taken from its payload is an error of the payload, and no record without a key', async () => {
  const Keyed = defineEvent<{ id: string }>('keyed', { key: ({ id }) => id })
  const { bus, broker } = testBus()
  await deadline(5_000, 'publishing', async () => {
    await bus.start()
    const missing = await rejects(bus.publish(Keyed, undefined as never), 'PAYLOAD_INVALID')
    assert.match(missing.message, /publishing keyed: its key can't be taken from the payload: .*undefined/)
    const lost = await rejects(bus.publish(Keyed, {} as never), 'PAYLOAD_INVALID')
    assert.match(lost.message, /its key is missing/)
    await bus.publish(Keyed, {} as never, { key: null })
    assert.is(broker.records('keyed').length, 1)
    await bus.close()
  })
})

test.run()
