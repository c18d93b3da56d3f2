import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PartitionLog } from '../dist/partition-log.js'
import type { RecordContent } from '../dist/stored-record.js'
import { readSettings } from '../dist/topic-settings.js'
import { bytes } from './harness.js'

const logWith = (config: Record<string, string>, retention = {}) =>
  new PartitionLog('t', 0, readSettings('t', config, { maxRecordBytes: 1_000, retention }))

const content = (key: string | null, value: string | null, timestampMs = 0): RecordContent => ({
  key: key === null ? null : bytes(key),
  value: value === null ? null : bytes(value),
  headers: [],
  timestampMs,
  byteLength: (key?.length ?? 0) + (value?.length ?? 0),
})

const offsets = (log: PartitionLog, from = 0, limit = 100) =>
  log.read(from, limit).map(record => record.offset)

test('positions start at 0 and grow by one', () => {
  const log = logWith({})
  assert.equal([log.append(content(null, 'a'), 0), log.append(content(null, 'b'), 0)], [0, 1])
  assert.equal([log.start, log.end, log.length, log.byteLength], [0, 2, 2, 2])
})

test('reads from a position up to a limit', () => {
  const log = logWith({})
  for (let i = 0; i < 2_000; i += 1) log.append(content(null, 'x'), 0)
  assert.equal(offsets(log, 10, 3), [10, 11, 12])
  assert.is(log.read(0, 10_000).length, 500)
  assert.equal(offsets(log, 1_999), [1_999])
  assert.equal(offsets(log, 2_000), [])
  assert.equal(offsets(log, 9_999), [])
})

test('a fetch stops before a mebibyte, and takes a larger record alone', () => {
  const log = logWith({})
  const large = { ...content(null, 'x'), byteLength: 700_000 }
  log.append(large, 0)
  log.append(large, 0)
  log.append({ ...large, byteLength: 2_000_000 }, 0)
  assert.equal(offsets(log, 0), [0])
  assert.equal(offsets(log, 2), [2])
})

test('keeps as many records as retention says', () => {
  const log = logWith({}, { records: 3 })
  for (let i = 0; i < 5_000; i += 1) log.append(content(null, 'x'), 0)
  assert.equal([log.start, log.end, log.length, log.byteLength], [4_997, 5_000, 3, 3])
  assert.equal(offsets(log, 0), [4_997, 4_998, 4_999])
})

test('keeps as many bytes as retention.bytes says, and always the last record', () => {
  const log = logWith({ 'retention.bytes': '5' })
  for (const value of ['aa', 'bb', 'cc']) log.append(content(null, value), 0)
  assert.equal([log.start, log.byteLength], [1, 4])
  log.append(content(null, 'much too long'), 0)
  assert.equal(offsets(log), [3])
})

test('removes what is older than retention.ms, down to an empty log', () => {
  const log = logWith({ 'retention.ms': '100' })
  log.append(content(null, 'a', 1_000), 1_000)
  log.append(content(null, 'b', 1_050), 1_050)
  log.expire(1_100)
  assert.is(log.start, 0)
  log.expire(1_101)
  assert.is(log.start, 1)
  log.expire(2_000)
  assert.equal([log.start, log.end, log.length], [2, 2, 0])
  assert.is(log.append(content(null, 'c', 2_000), 2_000), 2)
})

test('trims to a position, clamped to what there is', () => {
  const log = logWith({})
  for (let i = 0; i < 5; i += 1) log.append(content(null, 'x'), 0)
  log.trim(3)
  assert.equal([log.start, log.byteLength], [3, 2])
  log.trim(1)
  assert.is(log.start, 3)
  log.trim(99)
  assert.equal([log.start, log.end, offsets(log).length], [5, 5, 0])
})

test('compaction keeps the latest of each key, and positions', () => {
  const log = logWith({ 'cleanup.policy': 'compact' })
  for (const [key, value] of [
    ['a', '1'],
    ['b', '1'],
    ['a', '2'],
    ['c', '1'],
    ['b', '2'],
  ] as const)
    log.append(content(key, value), 0)
  log.compact(0)
  assert.equal(offsets(log), [2, 3, 4])
  assert.equal([log.start, log.end, log.byteLength], [0, 5, 6])
  assert.equal(offsets(log, 3), [3, 4])
  assert.equal(offsets(log, 0, 1), [2])
})

test('compaction drops old tombstones, but never the last record', () => {
  const log = logWith({ 'cleanup.policy': 'compact', 'delete.retention.ms': '100' })
  log.append(content('a', '1', 0), 0)
  log.append(content('a', null, 10), 10)
  log.append(content('b', null, 20), 20)
  log.compact(100)
  assert.equal(offsets(log), [1, 2])
  log.compact(111)
  assert.equal(offsets(log), [2])
  log.compact(9_999)
  assert.equal(offsets(log), [2])
})

test('compacts by itself, so that a log of few keys stays small', () => {
  const log = logWith({ 'cleanup.policy': 'compact' })
  for (let i = 0; i < 10_000; i += 1) log.append(content(`k${i % 10}`, 'v'), 0)
  assert.ok(log.length <= 1_010, String(log.length))
  assert.is(log.end, 10_000)
})

test('a compacted topic ignores retention unless its policy also deletes', () => {
  const both = logWith({ 'cleanup.policy': 'compact,delete', 'retention.bytes': '4' })
  const only = logWith({ 'cleanup.policy': 'compact', 'retention.bytes': '4' })
  for (const log of [both, only]) for (const key of ['a', 'b', 'c']) log.append(content(key, '1'), 0)
  assert.equal([both.length, only.length], [2, 3])
})

test('tells watchers of appends and trims until they stop watching', () => {
  const log = logWith({})
  let calls = 0
  const stop = log.watch(() => {
    calls += 1
  })
  log.append(content(null, 'x'), 0)
  log.trim(1)
  stop()
  log.append(content(null, 'x'), 0)
  assert.is(calls, 2)
})

test.run()
