import { BusbarError, type BusbarErrorCode, type InboundRecord, silentLogger } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { returnHeader } from '../../dist/return-headers.js'
import { deadLetterOf } from '../../dist/stream/failed-record.js'
import { originIn, ReturnedRecords } from '../../dist/stream/returned-records.js'
import { Topology } from '../../dist/stream/topology.js'
import { throws } from '../support/assertions.js'

const test = suite('dead letters that come back to a stream with a state')

const bytes = (text: string) => Buffer.from(text)
const topic = 'in.g.retry'

/** A record that was published at `in/2@offset` and comes back. */
function returned(offset: number, original: number, headers: Record<string, string> = {}): InboundRecord {
  const all = {
    [returnHeader.group]: 'g',
    [returnHeader.subscription]: 'g/streams',
    [returnHeader.originalTopic]: 'in',
    [returnHeader.originalPartition]: '2',
    [returnHeader.originalOffset]: String(original),
    [returnHeader.originalTimestamp]: '5',
    [returnHeader.redrives]: '1',
    ...headers,
  }
  const inbound = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, bytes(value)]))
  return { topic, partition: 2, offset, key: bytes('k'), value: bytes('v'), headers: inbound, timestampMs: 9 }
}

/** The returned records of a group, over a log of those that came back; `trimmed` were dropped from its beginning. */
function over(log: readonly InboundRecord[], trimmed: { below: number } = { below: 0 }) {
  const topology = new Topology('g')
  topology.addSource({
    topic: 'in',
    event: 'in',
    envelopeOf: () => undefined,
    timeOf: ({ timestampMs }) => timestampMs,
    process: async () => {},
  })
  const reads: unknown[] = []
  const records = new ReturnedRecords({
    topology,
    logger: silentLogger,
    transport: {
      read: async ({ from, partitions, until }, receive) => {
        reads.push([from, partitions, until])
        if (typeof from === 'number' && from < trimmed.below)
          throw new BusbarError('POSITION_OUT_OF_RANGE', 'gone')
        await receive(
          log.filter(({ offset }) => offset >= (from === 'earliest' ? trimmed.below : Number(from))),
        )
        return { closed: Promise.resolve(), [Symbol.asyncDispose]: async () => {} }
      },
    },
  })
  return { topology, records, reads }
}

test('one that comes back is as it was published; any other is itself', () => {
  const { topology, records } = over([])
  const came = returned(0, 7)
  assert.ok(records.cameBack(came))
  const { topic: name, partition, offset, timestampMs, key } = records.asPublished(came)
  assert.equal([name, partition, offset, timestampMs, key], ['in', 2, 7, 5, came.key])
  // Headers that somebody copied to another topic mean nothing there.
  const copied = { ...came, topic: 'in.copy' }
  assert.not(records.cameBack(copied))
  assert.is(records.asPublished(copied), copied)
  assert.is(originIn(topology, copied), copied)
  records.check(copied)
})

test('the second of two that are one dead letter is ignored, across what the process has seen', async () => {
  const log = [
    returned(0, 7),
    returned(1, 8),
    returned(2, 7),
    returned(3, 7, { [returnHeader.redrives]: '2' }),
  ]
  const { records, reads } = over(log)
  const ignored = []
  for (const record of log) ignored.push(await records.isIgnored(record))
  assert.equal(ignored, [false, false, true, false])
  assert.equal(reads, [], 'what was delivered needs not be read')
  // Another process that goes on in the middle.
  const later = over(log)
  assert.ok(await later.records.isIgnored(log[2] as InboundRecord))
  assert.not(await later.records.isIgnored(log[3] as InboundRecord))
  assert.equal(later.reads, [['earliest', [2], 'end']])
  // The same delivery again, after a transaction that failed.
  assert.not(await records.isIgnored(log[0] as InboundRecord))
  assert.ok(await records.isIgnored(log[2] as InboundRecord))
})

test('records of another topic, group, or time are others', async () => {
  for (const differing of [
    { [returnHeader.originalTimestamp]: '6' },
    { [returnHeader.originalOffset]: '8' },
    { [returnHeader.redrives]: '2' },
    { [returnHeader.subscription]: 'other' },
  ]) {
    const { records } = over([])
    assert.not(await records.isIgnored(returned(0, 7)))
    assert.not(await records.isIgnored(returned(1, 7, differing)), JSON.stringify(differing))
  }
})

test('what is of another group, or was put there by hand, is ignored', async () => {
  const { records } = over([])
  assert.ok(await records.isIgnored(returned(0, 7, { [returnHeader.group]: 'h' })))
  assert.ok(await records.isIgnored(returned(1, 7, { [returnHeader.originalTopic]: 'other' })))
  assert.ok(await records.isIgnored({ ...returned(2, 7), headers: {} }))
})

test('a topic that has dropped its first records is read from what it has', async () => {
  const trimmed = { below: 0 }
  const log = Array.from({ length: 10 }, (_, offset) => returned(offset, offset % 4))
  const { records, reads } = over(log, trimmed)
  await records.isIgnored(log[0] as InboundRecord)
  trimmed.below = 5
  assert.ok(await records.isIgnored(log[9] as InboundRecord))
  assert.equal(
    reads.map(each => (each as unknown[])[0]),
    [1, 'earliest'],
  )
})

test('a failure to read is no verdict', async () => {
  const { records } = over([], { below: 10 })
  const failing = new ReturnedRecords({
    topology: over([]).topology,
    logger: silentLogger,
    transport: { read: () => Promise.reject(new BusbarError('CONNECTION_FAILED', 'away')) },
  })
  const error = await failing.isIgnored(returned(3, 7)).catch((thrown: unknown) => thrown)
  assert.is((error as BusbarError).code, 'CONNECTION_FAILED')
  assert.not(await records.isIgnored(returned(3, 7)))
})

function refused(record: InboundRecord, code: BusbarErrorCode, message: RegExp): void {
  assert.match(throws(() => over([]).records.check(record), code).message, message)
}

test('one whose state is elsewhere, or which another kind of subscription failed, is not processed', () => {
  refused({ ...returned(0, 7), partition: 0 }, 'TOPIC_MISMATCH', /partition 0, .* in partition 2/)
  refused(
    returned(0, 7, { [returnHeader.subscription]: 'g/in' }),
    'CONFIG_INVALID',
    /of subscription g\/in, and group g/,
  )
})

test('the dead letter of one that came back is of its original, with its counters', () => {
  const { topology } = over([])
  const came = returned(0, 7, { [returnHeader.subscription]: 'g/in', [returnHeader.redrives]: '3' })
  const letter = deadLetterOf({ record: came }, originIn(topology, came), 'g', new Error('no'), 5, 1)
  const header = (name: string) => Buffer.from(letter.headers[name] as Uint8Array | string).toString()
  assert.is(letter.topic, 'in.g.dlq')
  assert.equal(
    ['originalTopic', 'originalPartition', 'originalOffset', 'originalTimestamp'].map(each =>
      header(returnHeader[each as 'originalTopic']),
    ),
    ['in', '2', '7', '5'],
  )
  assert.equal(
    [header(returnHeader.redrives), header(returnHeader.attempts), header(returnHeader.subscription)],
    ['3', '5', 'g/in'],
  )
  // One that did not come back is of this group, whatever somebody copied.
  const copied = { ...came, topic: 'in' }
  const first = deadLetterOf({ record: copied }, originIn(topology, copied), 'g', new Error('no'), 5, 1)
  assert.is(first.headers[returnHeader.subscription], 'g/streams')
  assert.is(first.headers[returnHeader.originalPartition], '2')
  assert.is(first.headers[returnHeader.originalOffset], '0')
})

test.run()
