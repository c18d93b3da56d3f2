import { murmur2, partitionOfKey } from '@busbar/core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const bytes = (text: string) => new TextEncoder().encode(text)

// From Kafka's own UtilsTest.testMurmur2.
const vectors: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

for (const [key, hash] of vectors) {
  test(`murmur2 of '${key}' is Kafka's`, () => assert.is(murmur2(bytes(key)), hash))
}

test('a view into a larger buffer hashes as its own bytes', () => {
  assert.is(murmur2(bytes('xxfoobarxx').subarray(2, 8)), -790332482)
})

test('bytes above 127 are unsigned, and any length gives a 32-bit integer', () => {
  for (let length = 0; length < 20; length += 1) {
    const hash = murmur2(new Uint8Array(length).fill(0xff))
    assert.is(hash, hash | 0)
  }
})

test('the partition is the hash without its sign, modulo the partitions', () => {
  assert.is(partitionOfKey(bytes('abc'), 10), 479470107 % 10)
  assert.is(partitionOfKey(bytes('21'), 7), (-973932308 & 0x7fffffff) % 7)
  for (let i = 0; i < 1_000; i += 1) {
    const partition = partitionOfKey(bytes(`key-${i}`), 12)
    assert.ok(partition >= 0 && partition < 12)
  }
})

test.run()
