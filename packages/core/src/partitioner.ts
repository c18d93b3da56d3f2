/**
 * The hash of Kafka's default partitioner (murmur2 with Kafka's seed, `org.apache.kafka.common.utils.Utils.murmur2`),
 * so that a key lands in the same partition whoever publishes it. Returns a signed 32-bit integer.
 */
export function murmur2(key: Uint8Array): number {
  const multiplier = 0x5bd1e995
  const length = key.length
  const whole = length & ~3
  let hash = (0x9747b28c ^ length) | 0
  for (let i = 0; i < whole; i += 4) {
    let word = byte(key, i) | (byte(key, i + 1) << 8) | (byte(key, i + 2) << 16) | (byte(key, i + 3) << 24)
    word = Math.imul(word, multiplier)
    word ^= word >>> 24
    word = Math.imul(word, multiplier)
    hash = Math.imul(hash, multiplier) ^ word
  }
  const rest = length - whole
  if (rest === 3) hash ^= byte(key, whole + 2) << 16
  if (rest >= 2) hash ^= byte(key, whole + 1) << 8
  if (rest >= 1) hash = Math.imul(hash ^ byte(key, whole), multiplier)
  hash ^= hash >>> 13
  hash = Math.imul(hash, multiplier)
  return hash ^ (hash >>> 15)
}

/** The partition of a key among `partitions`, as Kafka's Java client and its relatives choose it. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

const byte = (bytes: Uint8Array, index: number): number => bytes[index] as number
