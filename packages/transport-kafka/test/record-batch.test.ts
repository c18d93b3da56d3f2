import { kafkaForTests } from '@busbar/testkit'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type CompressionName, loadCodec } from '../dist/compression.js'
import { contentSizeOf, encodeRecordBatch, noProducer, singleBatchSize } from '../dist/record-batch.js'
import { varlongSize, writeVarlong } from '../dist/varint.js'
import { kafkaAt, newTopic, producerAt, readTopic, record } from './kafka-harness.js'

test('varlongs hold every safe integer', () => {
  for (const value of [
    0,
    -1,
    1,
    63,
    64,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 40,
    -(2 ** 52) - 1,
  ]) {
    const bytes = Buffer.alloc(10)
    const size = writeVarlong(bytes, 0, value)
    assert.is(varlongSize(value), size)
    let zigzag = 0n
    for (let i = size - 1; i >= 0; i--) zigzag = (zigzag << 7n) | BigInt((bytes[i] as number) & 0x7f)
    assert.is(Number((zigzag >> 1n) ^ -(zigzag & 1n)), value)
  }
})

test('the size of a batch with one record is known beforehand', () => {
  for (const length of [0, 10, 63, 64, 8_000, 20_000, 1_100_000]) {
    const one = record('t', 'x'.repeat(length), {
      key: Buffer.from('key'),
      headers: { a: 'ü€😀', b: ['1', Buffer.from('2')] },
    })
    const content = contentSizeOf(one)
    assert.is(encodeRecordBatch([one], [content], noProducer).length, singleBatchSize(content))
  }
})

test('a buffer that changed its length breaks the batch, not the log', () => {
  const one = record('t', 'value')
  assert.throws(() => encodeRecordBatch([one], [contentSizeOf(one) + 1], noProducer), /bytes where/)
})

test('a compression without its package names it', async () => {
  const none = async (): Promise<unknown> => {
    throw new Error('Cannot find package')
  }
  for (const [name, needed] of [
    ['snappy', 'snappy'],
    ['lz4', 'lz4-napi'],
  ] as const) {
    try {
      await loadCodec(name, none)
      assert.unreachable()
    } catch (error) {
      assert.is((error as { code: string }).code, 'CONFIG_INVALID')
      assert.match((error as Error).message, `package ${needed}`)
    }
  }
})

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as CompressionName[]) {
  test(`what is written is what a kafkajs consumer reads: ${compression}`, async () => {
    const broker = await kafkaForTests()
    if (!broker) return
    const kafka = kafkaAt(broker.brokers)
    const topic = await newTopic(kafka, 1)
    const producer = await producerAt(kafka, { compression })
    const long = 'long '.repeat(50_000)
    const written = [
      record(topic, 'first', { key: Buffer.from('key'), timestampMs: 1_700_000_000_000 }),
      record(topic, '', {
        headers: {
          text: 'ü€😀',
          bytes: Buffer.from([0, 255]),
          many: ['1', Buffer.from('2'), '3'],
          empty: '',
        },
      }),
      record(topic, 'x', { value: null, key: Buffer.from('tombstone'), timestampMs: 1 }),
      record(topic, 'x', { value: null, key: Buffer.alloc(0) }),
      record(topic, long, { headers: { long: 'y'.repeat(300) }, timestampMs: 1_700_000_000_000 + 2 ** 33 }),
      record(topic, 'last', { timestampMs: 0 }),
    ]
    const positions = await producer.send(written)
    assert.equal(
      positions,
      written.map((_, offset) => ({ topic, partition: 0, offset })),
    )
    const found = await readTopic(kafka, topic)
    assert.is(found.length, written.length)
    found.forEach((stored, i) => {
      assert.equal(stored.key, written[i]?.key)
      assert.ok(
        stored.value === null
          ? written[i]?.value === null
          : stored.value.equals(written[i]?.value ?? Buffer.from('?')),
      )
      assert.is(stored.timestampMs, written[i]?.timestampMs)
    })
    assert.equal(found[1]?.headers, {
      text: Buffer.from('ü€😀'),
      bytes: Buffer.from([0, 255]),
      many: [Buffer.from('1'), Buffer.from('2'), Buffer.from('3')],
      empty: Buffer.from(''),
    })
    assert.equal(found[4]?.headers, { long: Buffer.from('y'.repeat(300)) })
    await producer.close()
  })
}

test.run()
