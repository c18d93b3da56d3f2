import assert from 'node:assert/strict'
import { createBus, type InboundRecord, idempotent, retry, silentLogger, systemRuntime } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import { Thing } from './support/failure-world.js'
import { TestStore } from './support/test-store.js'

const test = suite('many records, one of them poison; duplicates; neighbours')

const total = 10_000
const keyOf = (id: string) => `key-${Number(id) % 50}`
const things = Array.from({ length: total }, (_, id) => ({ id: String(id), key: keyOf(String(id)) }))

test('a poison record among 10,000: a dead letter with its bytes and reason, the rest in key order, and a redrive completes it', async () => {
  const broker = memoryBroker({ partitions: 4 })
  await using bus = createBus({
    name: 'service',
    transport: memoryTransport({ broker }),
    logger: silentLogger,
  })
  const poison = '4321'
  let isFixed = false
  const handled: string[] = []
  bus.subscribe(Thing, { use: [retry({ attempts: 3, delayMs: 2 })] }, ({ id }) => {
    if (id === poison && !isFixed) throw new Error('poison')
    handled.push(id)
  })
  await bus.start()
  for (let from = 0; from < total; from += 1_000)
    await bus.publishBatch(Thing, things.slice(from, from + 1_000))
  await eventually(() => assert.equal(handled.length, total - 1), { timeoutMs: 20_000 })
  await eventually(() =>
    assert.equal(
      broker.topics().includes('things.service.dlq') && broker.records('things.service.dlq').length,
      1,
    ),
  )
  assert.equal(new Set(handled).size, total - 1)
  for (let key = 0; key < 50; key++) {
    const ofKey = handled.map(Number).filter(id => id % 50 === key)
    assert.deepEqual(
      ofKey,
      ofKey.toSorted((one, other) => one - other),
    )
  }
  const [letter] = await bus.deadLetters().list()
  const textOf = (record: InboundRecord | undefined) => Buffer.from(record?.value ?? []).toString()
  const original = broker.records('things').find(record => textOf(record).includes(`"${poison}"`))
  assert.ok(letter && original)
  assert.deepEqual(
    [letter.message, letter.attempts, letter.record.key, textOf(letter.record)],
    ['poison', 3, original.key, textOf(original)],
  )
  isFixed = true
  assert.deepEqual(await bus.deadLetters().replay(), { replayed: 1, discarded: 0, refused: 0 })
  await eventually(() => assert.equal(handled.at(-1), poison))
  assert.equal(handled.length, total)
  assert.deepEqual(await bus.deadLetters().list(), [])
})

test('two instances, duplicates, 50,000 records: one effect for each subscription and id, and a failing neighbour changes nothing', async () => {
  const events = 20_000
  const broker = memoryBroker({ partitions: 6 })
  const store = new TestStore(systemRuntime)
  const effects = { steady: new Map<string, number>(), failing: new Map<string, number>() }
  let isFixed = false
  const add = (to: Map<string, number>, id: string) => to.set(id, (to.get(id) ?? 0) + 1)
  const isBad = (id: string) => Number(id) % 2_000 === 7
  const instances = ['one', 'two'].map(() => {
    const bus = createBus({ name: 'service', transport: memoryTransport({ broker }), logger: silentLogger })
    const use = [retry({ attempts: 2, delayMs: 1 }), idempotent(store)]
    bus.subscribe(Thing, { name: 'steady', use }, ({ id }) => add(effects.steady, id))
    bus.subscribe(Thing, { name: 'failing', use }, ({ id }) => {
      if (isBad(id) && !isFixed) throw new Error('no')
      add(effects.failing, id)
    })
    return bus
  })
  const [bus, other] = instances
  assert.ok(bus && other)
  await Promise.all(instances.map(each => each.start()))
  // 50,000 records: every event once, and most a second or third time, some at once and some much later, by any instance.
  const sends: Promise<unknown>[] = []
  for (let sent = 0; sent < 50_000; sent++) {
    const id = String(sent < events ? sent : (sent * 7_919) % events)
    sends.push((sent % 2 ? bus : other).publish(Thing, { id, key: keyOf(id) }, { id }))
    if (sends.length === 2_000) await Promise.all(sends.splice(0))
  }
  await deadline(30_000, 'the publishes', Promise.all(sends))
  const bad = events / 2_000
  const lag = () => broker.positions('service').reduce((sum, position) => sum + position.lag, 0)
  await eventually(
    () => assert.deepEqual([effects.steady.size, effects.failing.size, lag()], [events, events - bad, 0]),
    { timeoutMs: 60_000 },
  )
  isFixed = true
  await bus.deadLetters().replay({}, { perSecond: 10_000 })
  await eventually(() => assert.deepEqual([effects.failing.size, lag()], [events, 0]), { timeoutMs: 20_000 })
  for (const counts of Object.values(effects)) assert.ok([...counts.values()].every(count => count === 1))
  assert.equal(store.completed, 2 * events)
  await Promise.all(instances.map(each => each.close()))
})

test.run()
