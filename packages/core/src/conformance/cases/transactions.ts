import assert from 'node:assert/strict'
import type { RecordPosition } from '../../transport.js'
import type { ConformanceCase } from '../conformance-case.js'
import { hold, Inbox, record, recordsOf, valuesOf } from '../inbox.js'
import { ackWith, copyTo, Outputs, outputOf } from '../outputs.js'
import { pause } from '../waiting.js'
import type { Connected, World } from '../world.js'

const requires = ['transactions', 'read'] as const

/** A topic of inputs, one of outputs, and who reads these. */
export async function openTask(world: World, options: { readonly partitions?: number } = {}) {
  const connected = await world.transport()
  const { transport } = connected
  const input = await world.topic(connected, options)
  const output = await world.topic(connected, options)
  const outputs = await Outputs.of(world, transport, output)
  const group = world.name('group')
  const join = (inbox: Inbox, by: Connected = connected, topics: readonly string[] = [input]) =>
    world.subscribe(by, { group, topics, transactional: true }, inbox)
  const committed = (partition = 0, topic = input) => world.committed(transport, group, { topic, partition })
  const untilCommitted = (position: number, partition = 0, topic = input) =>
    world.until(
      `${position} is committed`,
      async () => (await committed(partition, topic)) === position,
      () => outputs.values,
    )
  return { connected, transport, input, output, outputs, group, join, committed, untilCommitted }
}

/** Effects of acknowledgements as long as nobody dies: stored with the position, in order, seen once they are committed. */
export const transactionCases: readonly ConformanceCase[] = [
  {
    name: 'transactions: outputs and positions appear together',
    requires,
    async run(world) {
      const { transport, input, outputs, output, group, join } = await openTask(world)
      const count = 150
      for (const partition of [0, 1, 2])
        await world.within('sending', transport.send(recordsOf(input, partition, count, `${partition}-`)))
      await join(new Inbox(copyTo(output)))
      const sum = async () =>
        (await transport.positions(group)).reduce((all, { committed }) => all + committed, 0)
      for (let positions = 0; positions < 3 * count; positions = await sum()) {
        await world.until(`${positions} outputs are there`, () => outputs.records.length >= positions)
        const seen = outputs.records.length
        await world.until(`${seen} positions are committed`, async () => (await sum()) >= seen)
        await pause(1)
      }
      await world.until('every output is there', () => outputs.records.length >= 3 * count)
      for (const partition of [0, 1, 2])
        assert.deepEqual(outputs.valuesOf(partition), valuesOf(count, `${partition}-`))
    },
  },
  {
    name: 'transactions: effects of several topics of one number stand in the order of the acknowledgements',
    requires,
    async run(world) {
      const { connected, transport, input, outputs, output, join } = await openTask(world)
      const other = await world.topic(connected)
      const inbox = new Inbox(hold)
      await join(inbox, connected, [input, other])
      const send = (topic: string, prefix: string) => transport.send(recordsOf(topic, 0, 20, prefix))
      await world.within('sending', Promise.all([send(input, 'a'), send(other, 'b')]))
      await world.until('everything arrived', () => inbox.deliveries.length === 40)
      const order = valuesOf(20).flatMap(n => [`b${n}`, `a${n}`])
      for (const value of order) ackWith(inbox.get(value), output)
      await world.until('every output is there', () => outputs.records.length >= 40)
      assert.deepEqual(outputs.values, order)
    },
  },
  {
    name: 'transactions: effects wait with the position for an unfinished record, and come in the order of the log',
    requires,
    async run(world) {
      const { transport, input, outputs, output, join, committed, untilCommitted } = await openTask(world)
      await world.within('sending', transport.send(recordsOf(input, 0, 5)))
      const inbox = new Inbox(hold)
      await join(inbox)
      await world.until('everything arrived', () => inbox.deliveries.length === 5)
      for (const value of ['4', '3', '0']) ackWith(inbox.get(value), output)
      inbox.get('1').settle({ kind: 'nack', delayMs: 60_000 })
      await untilCommitted(1)
      await pause(100)
      assert.deepEqual(outputs.values, ['0'], 'a reader saw what was not committed')
      ackWith(inbox.get('2'), output)
      await pause(100)
      assert.equal(await committed(), 1, 'the position passed a record that was handed back')
      assert.deepEqual(outputs.values, ['0'], 'an output passed a record that was handed back')
    },
  },
  {
    name: 'transactions: a record that was handed back brings its own effects, and those behind it follow',
    requires,
    async run(world) {
      const { transport, input, outputs, output, join, untilCommitted } = await openTask(world)
      await world.within('sending', transport.send(recordsOf(input, 0, 4)))
      let failures = 2
      const inbox = new Inbox(delivery => {
        const isFailing = delivery.record.offset === 1 && failures-- > 0
        if (isFailing) delivery.settle({ kind: 'nack', delayMs: 20 })
        else ackWith(delivery, output)
      })
      await join(inbox)
      await untilCommitted(4)
      await world.until('every output is there', () => outputs.records.length >= 4)
      assert.deepEqual(outputs.values, valuesOf(4))
    },
  },
  {
    name: 'transactions: whoever brought effects is told where they stand, once',
    requires,
    async run(world) {
      const { transport, input, outputs, output, join } = await openTask(world)
      await world.within('sending', transport.send(recordsOf(input, 0, 20)))
      const told = new Map<number, readonly RecordPosition[]>()
      const inbox = new Inbox(delivery => {
        const { offset } = delivery.record
        const one = outputOf(delivery, output)
        ackWith(delivery, output, {
          records: [one, { ...one, partition: 1 }].slice(0, offset % 3),
          onCommitted(positions) {
            assert(!told.has(offset), `${offset} was told twice`)
            told.set(offset, positions)
          },
        })
      })
      await join(inbox)
      await world.until('everybody was told', () => told.size === 20)
      const expected = [...told.values()].flat()
      await world.until('every output is there', () => outputs.records.length >= expected.length)
      for (const [offset, positions] of told) {
        assert.equal(positions.length, offset % 3)
        for (const position of positions) {
          const found = outputs.records.filter(
            each => each.partition === position.partition && each.offset === position.offset,
          )
          assert.deepEqual(
            found.map(({ value }) => Buffer.from(value ?? []).toString()),
            [String(offset)],
          )
        }
      }
    },
  },
  {
    name: 'transactions: equal partition numbers of several topics are committed as one',
    requires,
    async run(world) {
      const { connected, transport, input, outputs, output, join } = await openTask(world)
      const other = await world.topic(connected)
      const inbox = new Inbox(hold)
      await join(inbox, connected, [input, other])
      await world.within(
        'sending',
        transport.send([record(input, 'one', { partition: 1 }), record(other, 'other', { partition: 1 })]),
      )
      await world.until('both arrived', () => inbox.deliveries.length === 2)
      const told: string[] = []
      const problems: string[] = []
      for (const value of ['one', 'other']) {
        ackWith(inbox.get(value), output, {
          onCommitted() {
            told.push(value)
            queueMicrotask(() => {
              if (told.length < 2) problems.push(`${value} was committed alone`)
            })
          },
        })
      }
      await world.until('both were told', () => told.length === 2)
      await world.until('both outputs are there', () => outputs.records.length >= 2)
      assert.deepEqual(problems, [])
    },
  },
  {
    name: 'transactions: closing commits what is finished, and nothing else',
    requires,
    async run(world) {
      const { transport, input, outputs, output, join, committed } = await openTask(world)
      await world.within('sending', transport.send(recordsOf(input, 0, 4)))
      const inbox = new Inbox(hold)
      const subscription = await join(inbox)
      await world.until('everything arrived', () => inbox.deliveries.length === 4)
      for (const value of ['0', '1', '3']) ackWith(inbox.get(value), output)
      await world.within('closing', subscription[Symbol.asyncDispose]())
      assert.equal(await committed(), 2)
      const heir = new Inbox(copyTo(output))
      await join(heir, await world.transport())
      await world.until('every output is there', () => outputs.records.length >= 4)
      assert.deepEqual(heir.values, ['2', '3'])
      assert.deepEqual(outputs.values, valuesOf(4))
    },
  },
  {
    name: 'transactions: effects in a subscription that is not transactional are refused',
    requires: ['transactions'],
    async run(world) {
      const connected = await world.transport()
      const topic = await world.topic(connected)
      const inbox = new Inbox(hold)
      await world.subscribe(connected, { group: world.name('group'), topics: [topic] }, inbox)
      await world.within('sending', connected.transport.send([record(topic, 'a')]))
      await world.until('it arrived', () => inbox.deliveries.length === 1)
      assert.throws(() => ackWith(inbox.get('a'), topic), { code: 'CONFIG_INVALID' })
      assert.equal(inbox.get('a').settle({ kind: 'ack' }), true)
    },
  },
]
