import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBus, defineEvent, idempotent, retry, silentLogger } from '@busbar/core'
import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { suite } from 'uvu'
import { MatrixStore } from './matrix/matrix-store.js'

const test = suite('failures on Kafka: a poison record, duplicates, size limits')
const kafka = await kafkaForTests()
const brokers = kafka?.brokers ?? []

interface Thing {
  readonly id: string
  readonly key: string
}

function setUp(partitions = 4, config: Record<string, string> = {}) {
  const name = uniqueName('poison')
  const Thing = defineEvent<Thing>('thing', { topic: { name, partitions, config }, key: thing => thing.key })
  const bus = () =>
    createBus({ name, transport: kafkaTransport({ brokers, commitIntervalMs: 50 }), logger: silentLogger })
  return { name, Thing, bus }
}

if (kafka) {
  test('a poison record among 2,000: a dead letter, the rest in key order, and a redrive completes it', async () => {
    const { Thing, bus: make } = setUp()
    await using bus = make()
    const total = 2_000
    const handled: string[] = []
    let isFixed = false
    bus.subscribe(Thing, { use: [retry({ attempts: 3, delayMs: 5 })] }, ({ id }) => {
      if (id === '777' && !isFixed) throw new Error('poison')
      handled.push(id)
    })
    await bus.start()
    await bus.publishBatch(
      Thing,
      Array.from({ length: total }, (_, id) => ({ id: String(id), key: `key-${id % 20}` })),
    )
    await eventually(() => assert.equal(handled.length, total - 1), { timeoutMs: 30_000 })
    const [letter] = await eventually(async () => {
      const letters = await bus.deadLetters().list()
      assert.equal(letters.length, 1)
      return letters
    })
    assert.deepEqual([letter?.message, letter?.attempts], ['poison', 3])
    assert.equal(Buffer.from(letter?.record.value ?? []).toString(), '{"id":"777","key":"key-17"}')
    for (let key = 0; key < 20; key++) {
      const ofKey = handled.map(Number).filter(id => id % 20 === key)
      assert.deepEqual(
        ofKey,
        ofKey.toSorted((one, other) => one - other),
      )
    }
    isFixed = true
    assert.equal((await bus.deadLetters().replay()).replayed, 1)
    await eventually(() => assert.equal(handled.at(-1), '777'), { timeoutMs: 20_000 })
    assert.deepEqual(await bus.deadLetters().list(), [])
  })

  test('two instances and duplicates: one effect for each subscription and id, whatever the neighbour does', async () => {
    const { name, Thing, bus: make } = setUp()
    const path = join(tmpdir(), name)
    const store = new MatrixStore(path)
    const events = 1_000
    const counts = { steady: new Map<string, number>(), failing: new Map<string, number>() }
    let isFixed = false
    const buses = [make(), make()]
    for (const bus of buses) {
      for (const which of ['steady', 'failing'] as const) {
        bus.subscribe(
          Thing,
          { name: which, use: [retry({ attempts: 2, delayMs: 1 }), idempotent(store)] },
          ({ id }) => {
            if (which === 'failing' && id.endsWith('99') && !isFixed) throw new Error('no')
            counts[which].set(id, (counts[which].get(id) ?? 0) + 1)
          },
        )
      }
    }
    await Promise.all(buses.map(bus => bus.start()))
    const sends = Array.from({ length: 2_500 }, (_, sent) => {
      const id = String(sent < events ? sent : (sent * 7_919) % events)
      const bus = buses[sent % 2] as (typeof buses)[number]
      return bus.publish(Thing, { id, key: `key-${Number(id) % 20}` }, { id })
    })
    await Promise.all(sends)
    await eventually(
      () => assert.deepEqual([counts.steady.size, counts.failing.size], [events, events - 10]),
      { timeoutMs: 30_000 },
    )
    isFixed = true
    await eventually(
      async () => {
        await buses[0]?.deadLetters().replay({}, { perSecond: 1_000 })
        assert.equal(counts.failing.size, events)
      },
      { timeoutMs: 30_000, everyMs: 200 },
    )
    await Promise.all(buses.map(bus => bus.close()))
    for (const each of Object.values(counts)) assert.ok([...each.values()].every(count => count === 1))
    rmSync(path, { force: true })
  })

  test('a record as large as its topic takes becomes a dead letter, and is kept for good', async () => {
    const { name, Thing, bus: make } = setUp(1, { 'max.message.bytes': '2000000' })
    await using bus = make()
    bus.subscribe(Thing, { use: [retry({ attempts: 1 })] }, () => {
      throw new Error('x'.repeat(5_000))
    })
    await bus.start()
    await bus.publish(Thing, { id: 'x'.repeat(1_999_500), key: 'k' })
    const [letter] = await eventually(
      async () => {
        const letters = await bus.deadLetters().list()
        assert.equal(letters.length, 1)
        return letters
      },
      { timeoutMs: 20_000 },
    )
    assert.equal(letter?.origin.topic, name)
    assert.equal(letter?.record.value?.length, 1_999_519)
  })

  test('a retry topic brings a record back when it is due, and a delayed publish arrives', async () => {
    const { Thing, bus: make } = setUp()
    await using bus = make()
    const seen: { what: string; afterMs: number }[] = []
    const from = Date.now()
    bus.subscribe(
      Thing,
      { use: [retry({ via: 'topic', attempts: 2, delayMs: 1_000 })] },
      ({ id }, { attempt }) => {
        seen.push({ what: `${id}${attempt}`, afterMs: Date.now() - from })
        if (id === 'retried' && attempt === 1) throw new Error('no')
      },
    )
    await bus.start()
    await bus.publish(Thing, { id: 'retried', key: 'k' })
    const publishedMs = Date.now() - from
    await bus.publish(Thing, { id: 'delayed', key: 'k' }, { delayMs: 1_500 })
    await eventually(() => assert.equal(seen.length, 3), { timeoutMs: 30_000 })
    const at = (what: string) => seen.find(each => each.what === what)?.afterMs ?? Number.NaN
    assert.ok(at('retried2') - at('retried1') >= 1_000)
    assert.ok(at('delayed1') - publishedMs >= 1_500)
  })
}

test.run()
