import assert from 'node:assert/strict'
import { createBus, defineEvent, type EventContext } from '@busbar/core'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { orderSchema } from './support/order-schema.js'
import { KeepingLogger } from './support/scenario.js'
import { foreign, lagOf, positionOf, type World, worlds } from './support/worlds.js'

const kafka = await kafkaForTests()

const garbage = Buffer.from([0xff, 0xfe, 0x00, 0x80])
const fromJson = (value: unknown) => Buffer.from(JSON.stringify(value))

/** A bus that consumes orders of a topic with one partition, and what its handlers saw. */
function orders(world: World, options: { partitions?: number; maxInFlight?: number; handle?: (context: EventContext) => void } = {}) {
  const topic = uniqueName('orders')
  const group = uniqueName('group')
  const { partitions = 1, maxInFlight = 1_000, handle = () => {} } = options
  const Order = defineEvent('order', { topic: { name: topic, partitions }, schema: orderSchema, key: order => order.id })
  const logger = new KeepingLogger()
  const bus = createBus({ name: 'shop', transport: world.transport(), logger, consume: { redelivery: { delayMs: 20, maxDelayMs: 200 } } })
  const handled: string[] = []
  bus.subscribe(Order, { group, maxInFlight, onFailure: 'hand-back' }, (order, context) => {
    handle(context)
    handled.push(order.id)
  })
  const failures = () => logger.lines.filter(({ level }) => level === 'error')
  return { topic, group, Order, bus, logger, handled, failures }
}

for (const { name, open } of worlds(kafka?.brokers)) {
  const test = suite(`bad records on ${name}`)

  for (const [what, bytes, code, says] of [
    ['an undecodable record', garbage, 'DECODE_FAILED', /decoding order .+\/0@1: the value \(4 bytes\) is not valid UTF-8/],
    ['half a record', Buffer.from('{"id": "1"'), 'DECODE_FAILED', /the value \(10 bytes\) is not valid JSON/],
    ['a tombstone', null, 'DECODE_FAILED', /the record has no value \(a tombstone\)/],
    ['a wrong payload of another producer', fromJson({ id: 7 }), 'PAYLOAD_INVALID', /id: must be text; amount: must be a number/],
  ] as const) {
    test(`${what} is a failure of its own, and others go on`, async () => {
      await using world = await open()
      const { topic, group, Order, bus, handled, failures } = orders(world)
      await bus.start()
      await bus.publish(Order, { id: 'before', amount: 1 })
      await world.raw.send([foreign(topic, 'order', { key: Buffer.from('bad'), value: bytes })])
      await bus.publish(Order, { id: 'after', amount: 1 })
      await eventually(() => assert.deepEqual(handled, ['before', 'after']))

      // Handed back, each time after a longer while; and the position stays before it.
      const tries = await eventually(() => {
        assert.ok(failures().length >= 4)
        return failures().slice(0, 4)
      })
      assert.deepEqual(tries.map(({ fields }) => fields['attempt']), [1, 2, 3, 4])
      for (const { fields } of tries) {
        assert.equal(fields['code'], code)
        assert.match(String(fields['err']), says)
        const { event, topic: where, partition, offset } = fields
        assert.deepEqual({ event, where, partition, offset }, { event: 'order', where: topic, partition: 0, offset: 1 })
      }
      const delays = tries.map(({ fields }) => Number(fields['redeliveryMs']))
      assert.deepEqual(delays.map((delay, index) => delay > 0.7 * 20 * 2 ** index), [true, true, true, true])
      await eventually(async () => assert.equal(await positionOf(world, group, topic), 1))
      await deadline(5_000, 'closing', bus.close())
      assert.equal(await positionOf(world, group, topic), 1)
      assert.deepEqual(handled, ['before', 'after'])
    })
  }

  test('a record that comes back does not hold up its partition until the limit, then that alone', async () => {
    await using world = await open()
    const { topic, bus, handled, failures } = orders(world, { partitions: 2, maxInFlight: 3 })
    await bus.start()
    const bad = (key: string, partition: number) => foreign(topic, 'order', { key: Buffer.from(key), value: garbage, partition })
    const good = (id: string, partition: number) =>
      foreign(topic, 'order', { key: Buffer.from(id), value: fromJson({ id, amount: 1 }), partition })
    await world.raw.send([bad('bad-1', 0), bad('bad-2', 0)])
    await eventually(() => assert.ok(failures().length >= 4))
    await world.raw.send([good('below-the-limit', 0)])
    await eventually(() => assert.deepEqual(handled, ['below-the-limit']))

    await world.raw.send([bad('bad-3', 0)])
    await eventually(() => assert.ok(failures().some(({ fields }) => fields['offset'] === 3)))
    await world.raw.send([good('at-the-limit', 0)])
    const others = Array.from({ length: 20 }, (_, index) => `other-${index}`)
    for (const id of others) await world.raw.send([good(id, 1)])
    await eventually(() => assert.equal(handled.length, 21))
    // Several redeliveries later still nothing.
    const seen = failures().length
    await eventually(() => assert.ok(failures().length > seen + 10))
    assert.deepEqual(handled, ['below-the-limit', ...others])
    await bus.close()
  })

  test('types that nobody subscribed to are ignored, and so are records without an envelope', async () => {
    await using world = await open()
    const { topic, group, Order, bus, handled, failures, logger } = orders(world)
    await bus.start()
    await world.raw.send([
      foreign(topic, 'order.cancelled', { value: garbage }),
      foreign(topic, 'audit', { value: null }),
      { topic, key: null, value: garbage, headers: {}, timestampMs: Date.now() },
      { topic, key: null, value: null, headers: { other: garbage }, timestampMs: Date.now() },
    ])
    await bus.publish(Order, { id: 'mine', amount: 1 })
    await eventually(() => assert.deepEqual(handled, ['mine']))
    await eventually(async () => assert.equal(await lagOf(world, group), 0))
    assert.equal(await positionOf(world, group, topic), 5)
    assert.deepEqual(failures(), [])
    // Said once, with what to do.
    assert.equal(logger.complaints.length, 1)
    assert.match(logger.complaints[0] ?? '', /ignored records without CloudEvents headers: declare an event .+ foreign: true/)
    await bus.close()
  })

  test('a header that is not UTF-8 has bytes, and only reading it as text fails', async () => {
    await using world = await open()
    const headers: (Uint8Array | undefined)[] = []
    const { topic, group, bus, handled, failures } = orders(world, {
      handle: context => {
        headers.push(context.headers.bytes('note'))
        if (context.key === 'reads') context.headers.get('note')
      },
    })
    await bus.start()
    const noted = (id: string) =>
      foreign(topic, 'order', { key: Buffer.from(id), value: fromJson({ id, amount: 1 }), headers: { note: garbage } })
    await world.raw.send([noted('looks'), noted('reads'), noted('looks-too')])
    await eventually(() => assert.deepEqual(handled, ['looks', 'looks-too']))
    await eventually(() => assert.ok(failures().length >= 2))
    assert.deepEqual(headers.slice(0, 3).map(bytes => Buffer.from(bytes ?? []).toString('hex')), ['fffe0080', 'fffe0080', 'fffe0080'])
    assert.equal(failures()[0]?.fields['code'], 'HEADER_INVALID')
    assert.match(String(failures()[0]?.fields['err']), /header "note" \(4 bytes\) is not valid UTF-8: read it with bytes\("note"\)/)
    await eventually(async () => assert.equal(await positionOf(world, group, topic), 1))
    await bus.close()
  })

  test('an envelope that is not UTF-8 is a failure, and others go on', async () => {
    await using world = await open()
    const { topic, group, Order, bus, handled, failures } = orders(world)
    await bus.start()
    for (const header of ['ce_type', 'ce_id', 'ce_source']) {
      const bad = foreign(topic, 'order', { key: Buffer.from(header), value: fromJson({ id: 'x', amount: 1 }) })
      await world.raw.send([{ ...bad, headers: { ...bad.headers, [header]: garbage } }])
    }
    await bus.publish(Order, { id: 'good', amount: 1 })
    await eventually(() => assert.deepEqual(handled, ['good']))
    await eventually(() => assert.ok([0, 1, 2].every(offset => failures().some(({ fields }) => fields['offset'] === offset))))
    assert.deepEqual([...new Set(failures().map(({ fields }) => fields['code']))], ['ENVELOPE_INVALID'])
    for (const { fields } of failures()) assert.match(String(fields['err']), /the CloudEvents headers of record .+\/0@\d are not valid UTF-8/)
    await eventually(async () => assert.equal(await positionOf(world, group, topic), 0))
    await bus.close()
  })

  test.run()
}
