import assert from 'node:assert/strict'
import type { OutboundHeaders } from '../../transport.js'
import type { ConformanceCase } from '../conformance-case.js'
import { bytes, record } from '../inbox.js'
import { itemsOf, Seen } from '../items.js'
import { Gate } from '../waiting.js'

/** What a handler that fails does to its record, its key and everybody else: nothing is lost, and only its key waits. */
export const failureCases: readonly ConformanceCase[] = [
  {
    name: 'resend on error',
    requires: [],
    async run(world) {
      const event = world.event()
      const { bus, transport } = world.service()
      const attempts: number[] = []
      bus.subscribe(event, (_, { attempt }) => {
        attempts.push(attempt)
        if (attempt < 3) throw new Error(`attempt ${attempt} fails`)
      })
      await world.within('starting', bus.start())
      await world.within('publishing', bus.publish(event, { key: 'a', n: 1 }))
      await world.until(
        'the third attempt',
        () => attempts.length === 3,
        () => attempts,
      )
      await world.untilCaughtUp(transport, bus.name, event.topic.name)
      assert.deepEqual(attempts, [1, 2, 3])
    },
  },
  {
    name: 'no ack blocks the next of its key, and only it',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 1 })
      const { bus, transport } = world.service()
      const seen = new Seen()
      const gate = new Gate()
      const started: number[] = []
      bus.subscribe(event, async item => {
        started.push(item.n)
        if (item.n === 0) await gate.opened
        seen.add(item)
      })
      await world.within('starting', bus.start())
      const items = itemsOf(60, 6)
      await world.within('publishing', bus.publishBatch(event, items))
      const others = items.filter(({ key }) => key !== 'key-0')
      await world.until(
        'the other keys went on',
        () => seen.hasAll(others),
        () => seen.missingOf(others),
      )
      assert.deepEqual(
        started.filter(n => n % 6 === 0),
        [0],
        'the key did not wait for its first record',
      )
      const position = await world.committed(transport, bus.name, { topic: event.topic.name, partition: 0 })
      assert.equal(position, 0, 'the position passed a record that is not finished')
      gate.open()
      await world.until(
        'the key went on',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      seen.assertOnce(items, 'the handler')
      seen.assertKeyOrder('the handler')
    },
  },
  {
    name: 'a retried record holds back its key, and the others do not come again',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 1 })
      const { bus, transport } = world.service()
      const seen = new Seen()
      let succeed = false
      bus.subscribe(event, item => {
        if (item.n === 0 && !succeed) throw new Error('not yet')
        seen.add(item)
      })
      await world.within('starting', bus.start())
      const items = itemsOf(60, 6)
      await world.within('publishing', bus.publishBatch(event, items))
      const others = items.filter(({ key }) => key !== 'key-0')
      await world.until(
        'the other keys went on',
        () => seen.hasAll(others),
        () => seen.missingOf(others),
      )
      const later = itemsOf(12, 6, 60)
      await world.within('publishing more', bus.publishBatch(event, later))
      const laterOthers = later.filter(({ key }) => key !== 'key-0')
      await world.until('the other keys went on again', () => seen.hasAll(laterOthers))
      assert.equal(
        seen.items.some(({ key }) => key === 'key-0'),
        false,
        'a record overtook the failed one of its key',
      )
      succeed = true
      const all = [...items, ...later]
      await world.until(
        'the key went on',
        () => seen.hasAll(all),
        () => seen.missingOf(all),
      )
      await world.untilCaughtUp(transport, bus.name, event.topic.name)
      seen.assertOnce(all, 'the handler')
      seen.assertKeyOrder('the handler')
    },
  },
  {
    name: 'continue after errors',
    requires: [],
    async run(world) {
      const event = world.event()
      const { bus, transport } = world.service()
      const seen = new Seen()
      const failed = new Set<number>()
      bus.subscribe(event, item => {
        if (item.n % 3 === 0 && !failed.has(item.n)) {
          failed.add(item.n)
          throw new Error('the first attempt fails')
        }
        seen.add(item)
      })
      await world.within('starting', bus.start())
      const items = itemsOf(150, 30)
      await world.within('publishing', bus.publishBatch(event, items))
      await world.until(
        'everything arrived',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      await world.untilCaughtUp(transport, bus.name, event.topic.name)
      assert.equal(failed.size, 50)
      seen.assertOnce(items, 'the handler')
      seen.assertKeyOrder('the handler')
    },
  },
  {
    name: 'poison bytes hold back their key, and lose nothing',
    requires: [],
    async run(world) {
      const event = world.event({ partitions: 1 })
      const topic = event.topic.name
      const group = world.name('group')
      const { bus, transport } = world.service()
      const seen = new Seen()
      const attempts = new Map<string, number>()
      // Handlers never see what cannot be decoded: middleware of the record phase does.
      bus.use({
        name: 'attempts',
        record: ({ key, attempt }, next) => {
          attempts.set(key ?? '', attempt)
          return next()
        },
      })
      bus.subscribe(event, { group, onFailure: 'hand-back' }, seen.add)
      await world.within('starting', bus.start())
      const envelope: OutboundHeaders = {
        ce_specversion: '1.0',
        ce_id: 'poison',
        ce_type: event.name,
        ce_source: 'elsewhere',
      }
      const notUtf8 = new Uint8Array([0xc3, 0x28, 0xff])
      const poison = [
        { ...record(topic, '{"key":', { key: 'undecodable' }), headers: envelope },
        { ...record(topic, '', { key: 'no-utf8' }), value: notUtf8, headers: envelope },
        { ...record(topic, '', { key: 'tombstone' }), value: null, headers: envelope },
        { ...record(topic, '{}', { key: 'bad-envelope' }), headers: { ...envelope, ce_type: notUtf8 } },
      ]
      await world.within('sending poison', transport.send(poison))
      const items = itemsOf(40, 8)
      await world.within('publishing', bus.publishBatch(event, items))
      await world.until(
        'the other keys went on',
        () => seen.hasAll(items),
        () => seen.missingOf(items),
      )
      for (const key of ['undecodable', 'no-utf8', 'tombstone', 'bad-envelope']) {
        await world.until(`${key} was tried again`, () => (attempts.get(key) ?? 0) > 1)
      }
      seen.assertOnce(items, 'the handler')
      // Closing commits all that may be committed.
      await world.within('closing', bus.close())
      const position = await world.committed((await world.transport()).transport, group, {
        topic,
        partition: 0,
      })
      assert.equal(position, 0, 'the position passed a record that nobody could decode')
    },
  },
  {
    name: 'records that nobody subscribed to are acknowledged',
    requires: [],
    async run(world) {
      const wanted = world.event({ partitions: 1 })
      const topic = wanted.topic.name
      const { bus, transport } = world.service()
      const seen = new Seen()
      bus.subscribe(wanted, seen.add)
      await world.within('starting', bus.start())
      const foreign = record(topic, 'no envelope', { key: 'a' })
      const unknown = record(topic, '{}', {
        key: 'b',
        headers: { ce_type: 'nobody.knows', ce_id: '1', 'x-more': bytes('1') },
      })
      await world.within('sending', transport.send([foreign, unknown]))
      const items = itemsOf(5, 5)
      await world.within('publishing', bus.publishBatch(wanted, items))
      await world.until('what is wanted arrived', () => seen.hasAll(items))
      await world.untilCaughtUp(transport, bus.name, topic)
      seen.assertOnce(items, 'the handler')
    },
  },
]
