import assert from 'node:assert/strict'
import { systemRuntime } from '../../runtime.js'
import type { ConformanceCase } from '../conformance-case.js'
import { hold, Inbox, record, recordsOf, text, valuesOf } from '../inbox.js'
import { ackWith, copyTo, outputOf } from '../outputs.js'
import { pause } from '../waiting.js'
import { openTask } from './transactions.js'

const requires = ['transactions', 'read'] as const

/** Effects of acknowledgements when members die, move and stand still, and when a transaction fails: each of them once. */
export const transactionFaultCases: readonly ConformanceCase[] = [
  {
    name: 'transactions: after a crash before the commit there is neither output nor position, and it comes again',
    requires: [...requires, 'crash'],
    async run(world) {
      const { transport, input, outputs, output, join, committed } = await openTask(world)
      const crashing = await world.transport()
      const inbox = new Inbox(hold)
      await join(inbox, crashing)
      await world.within('sending', transport.send(recordsOf(input, 0, 3)))
      await world.until('everything arrived', () => inbox.deliveries.length === 3)
      for (const delivery of inbox.deliveries) ackWith(delivery, output)
      // In the same turn: no commit can have come between.
      const crashed = world.crash(crashing.transport)
      await crashed
      const heir = new Inbox(hold)
      await join(heir)
      await world.until('everything came again', () => heir.deliveries.length === 3)
      assert.equal(await committed(), 0)
      assert.deepEqual(outputs.values, [])
      for (const delivery of heir.deliveries) ackWith(delivery, output)
      await world.until('every output is there', () => outputs.records.length >= 3)
      assert.deepEqual(outputs.values, valuesOf(3))
    },
  },
  {
    name: 'transactions: after a crash behind the commit there are both, and nothing comes again',
    requires: [...requires, 'crash'],
    async run(world) {
      const { transport, input, outputs, output, join, untilCommitted } = await openTask(world)
      const crashing = await world.transport()
      await join(new Inbox(copyTo(output)), crashing)
      await world.within('sending', transport.send(recordsOf(input, 0, 3)))
      await untilCommitted(3)
      await world.crash(crashing.transport)
      const heir = new Inbox(copyTo(output))
      await join(heir)
      await world.within('sending', transport.send([record(input, '3', { partition: 0 })]))
      await world.until('the heir goes on', () => outputs.records.length >= 4)
      assert.deepEqual(heir.values, ['3'])
      assert.deepEqual(outputs.values, valuesOf(4))
    },
  },
  {
    name: 'transactions: what is finished is committed before its partition moves; the rest comes to the heir',
    requires,
    async run(world) {
      const { transport, input, outputs, output, join } = await openTask(world, { partitions: 2 })
      await world.within(
        'sending',
        transport.send([...recordsOf(input, 0, 4, 'p'), ...recordsOf(input, 1, 4, 'q')]),
      )
      const old = new Inbox(hold)
      await join(old)
      await world.until('everything arrived', () => old.deliveries.length === 8)
      for (const prefix of ['p', 'q']) for (const n of [0, 1, 3]) ackWith(old.get(`${prefix}${n}`), output)
      const heir = new Inbox(copyTo(output))
      await join(heir, await world.transport())
      await world.until('a partition moved', () => heir.deliveries.length >= 2)
      const moved = heir.deliveries[0]?.record.partition ?? -1
      const [prefix, stayed] = moved === 0 ? ['p', 'q'] : ['q', 'p']
      assert.deepEqual(heir.values, [`${prefix}2`, `${prefix}3`])
      assert.equal(ackWith(old.get(`${prefix}2`), output), false, 'a member settled what it does not hold')
      ackWith(old.get(`${stayed}2`), output)
      await world.until('every output is there', () => outputs.records.length >= 8)
      assert.deepEqual(outputs.valuesOf(0), valuesOf(4, 'p'))
      assert.deepEqual(outputs.valuesOf(1), valuesOf(4, 'q'))
    },
  },
  {
    name: 'transactions: a member that stood still while its partitions moved is fenced',
    requires: [...requires, 'freeze'],
    async run(world) {
      const { transport, input, outputs, output, join } = await openTask(world)
      const stopped = await world.transport()
      const old = new Inbox(hold)
      await join(old, stopped)
      await world.within('sending', transport.send(recordsOf(input, 0, 3)))
      await world.until('everything arrived', () => old.deliveries.length === 3)
      const thaw = world.freeze(stopped.transport)
      const heir = new Inbox(copyTo(output))
      await join(heir)
      await world.until('the heir did all of it', () => outputs.records.length >= 3)
      for (const delivery of old.deliveries) {
        const records = [{ ...outputOf(delivery, output), value: Buffer.from('of a fenced member') }]
        delivery.settle({ kind: 'ack', effects: { records, onCommitted: () => assert.fail('told') } })
      }
      await thaw()
      await world.until('it noticed', () => old.deliveries[0]?.settle({ kind: 'ack' }) === false)
      await world.within(
        'sending',
        transport.send([0, 1, 2].map(partition => record(input, `last ${partition}`, { partition }))),
      )
      await world.until('both go on', () => {
        for (const value of old.values) if (value.startsWith('last')) ackWith(old.get(value), output)
        return outputs.records.length >= 6
      })
      assert.deepEqual(outputs.sorted, [...valuesOf(3), 'last 0', 'last 1', 'last 2'])
    },
  },
  {
    name: 'transactions: one that fails leaves nothing, says so, and begins anew, also for the other topic of its number',
    requires: [...requires, 'topicConfig'],
    async run(world) {
      const { connected, transport, input, outputs, output, join } = await openTask(world)
      const other = await world.topic(connected)
      const narrow = await world.topic(connected, { config: { 'max.message.bytes': '2000' } })
      const inbox = new Inbox(hold)
      await join(inbox, connected, [input, other])
      await world.within(
        'sending',
        transport.send([record(input, 'one', { partition: 0 }), record(other, 'other', { partition: 0 })]),
      )
      await world.until('both arrived', () => inbox.deliveries.length === 2)
      const [signal, before] = [inbox.signalOf({ topic: input, partition: 0 }), inbox.get('other')]
      const tooLarge = { ...record(narrow, ''), value: new Uint8Array(10_000).fill(1) }
      ackWith(inbox.get('one'), output)
      before.settle({
        kind: 'ack',
        effects: { records: [outputOf(before, output), tooLarge], onCommitted: () => assert.fail('told') },
      })
      await world.until('both came again', () => inbox.deliveries.length >= 4)
      assert(signal.aborted, 'the ownership went on')
      assert.deepEqual(outputs.values, [], 'a reader saw what was not committed')
      const failed = connected.events.filter(({ type }) => type === 'transaction-failed')
      assert(failed.length > 0, 'nobody was told')
      const again = inbox.get('other')
      assert(
        again.refused === undefined || again.refused.error.code === 'RECORD_TOO_LARGE',
        `refused with ${again.refused?.error.code}`,
      )
      assert.equal(inbox.get('one').refused, undefined, 'the wrong record is said to be refused')
      for (const value of ['one', 'other']) ackWith(inbox.get(value), output)
      await world.until('both outputs are there', () => outputs.records.length >= 2)
      assert.deepEqual(outputs.sorted, ['one', 'other'])
    },
  },
  {
    name: 'transactions: a failure that comes again does so ever more slowly, and holds up no other partition number',
    requires: [...requires, 'topicConfig'],
    async run(world) {
      const { connected, transport, input, outputs, output, join } = await openTask(world)
      const narrow = await world.topic(connected, { config: { 'max.message.bytes': '2000' } })
      const tooLarge = { ...record(narrow, ''), value: new Uint8Array(10_000).fill(1) }
      const inbox = new Inbox(delivery => {
        const isBad = delivery.record.partition === 0
        ackWith(delivery, output, isBad ? { records: [outputOf(delivery, output), tooLarge] } : {})
      })
      await join(inbox)
      await world.within('sending', transport.send(recordsOf(input, 0, 1)))
      await world.until('it failed again and again', () => inbox.deliveries.length >= 3)
      await world.within('sending', transport.send(recordsOf(input, 1, 10, 'q')))
      await world.until('the other goes on', () => outputs.records.length >= 10)
      const failures = connected.events.flatMap(event => (event.type === 'transaction-failed' ? [event] : []))
      assert(failures.every(({ partitions }) => partitions.every(({ partition }) => partition === 0)))
      assert.deepEqual(
        failures.map(({ failure }) => failure),
        failures.map((_, index) => index + 1),
      )
      const delays = failures.map(({ delayMs }) => delayMs)
      assert.deepEqual(
        delays,
        delays.toSorted((a, b) => a - b),
      )
      assert((delays.at(-1) ?? 0) > (delays[0] ?? 0), `delays of ${delays.join(', ')} ms`)
      assert.deepEqual(outputs.values, valuesOf(10, 'q'))
    },
  },
  {
    name: 'transactions: members join, leave and crash in mid-stream, and every output is there once, in order',
    requires: [...requires, 'crash'],
    async run(world) {
      const { transport, input, outputs, output, join } = await openTask(world, { partitions: 4 })
      const sent: string[][] = [[], [], [], []]
      const send = async () => {
        for (const [partition, values] of sent.entries()) {
          const more = valuesOf(60, `${partition}-`, values.length)
          values.push(...more)
          const records = more.map((value, index) =>
            record(input, value, { partition, key: `k${index % 7}` }),
          )
          await world.within('sending', transport.send(records))
        }
      }
      const member = async () => {
        const connected = await world.transport()
        const inbox = new Inbox(delivery => {
          // Some fail, most take a while; which is up to chance, as in life.
          const isFailing = systemRuntime.random() < 0.05
          systemRuntime.setTimer(systemRuntime.random() * 4, () => {
            if (isFailing) delivery.settle({ kind: 'nack', delayMs: 5 })
            else ackWith(delivery, output)
          })
        })
        return { ...connected, subscription: await join(inbox, connected) }
      }
      const members = [await member()]
      for (const change of ['join', 'join', 'crash', 'join', 'leave', 'join', 'crash', 'join'] as const) {
        await send()
        const enough = outputs.records.length + 40
        await world.until(
          'the stream goes on',
          () => outputs.records.length >= enough,
          () => outputs.records.length,
        )
        if (change === 'join') {
          members.push(await member())
          continue
        }
        const gone = members.shift()
        if (!gone) continue
        if (change === 'crash') await world.crash(gone.transport)
        else await world.within('leaving', gone.subscription[Symbol.asyncDispose]())
      }
      const total = sent.flat().length
      await world.until(
        'every output is there',
        () => outputs.records.length >= total,
        () => outputs.records.length,
      )
      await pause(50)
      assert.deepEqual(outputs.doubled, [], 'outputs are there more than once')
      const byPartition = sent.map((_, partition) =>
        outputs.records.filter(each => each.partition === partition),
      )
      assert.deepEqual(
        byPartition.map(records => records.map(({ value }) => text(value))),
        sent,
      )
    },
  },
]
