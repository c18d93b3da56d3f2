/** How entries of stores are named, so that a range of names is what an operator looks for. */

/** A moment as eight bytes that are ordered as the moments are. */
export function timeBytes(timestampMs: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeUInt32BE(Math.floor(timestampMs / 2 ** 32), 0)
  bytes.writeUInt32BE(timestampMs % 2 ** 32, 4)
  return bytes
}

/** The moment in eight bytes. */
export function timeIn(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
}

/** A key with its length in front: no range of one key reaches into another's. */
export function sized(key: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 + key.length)
  bytes.writeUInt32BE(key.length, 0)
  bytes.set(key, 4)
  return bytes
}

/** The key at the front of {@link sized} bytes. */
export function sizedKeyIn(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = bytes
  const size = new DataView(buffer, byteOffset, byteLength).getUint32(0)
  return bytes.subarray(4, 4 + size)
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}

/** The first bytes that come behind all that begin with a prefix; undefined where nothing does. */
export function behind(prefix: Uint8Array): Uint8Array | undefined {
  const last = prefix.findLastIndex(byte => byte !== 0xff)
  if (last === -1) return undefined
  const bytes = Uint8Array.from(prefix.subarray(0, last + 1))
  bytes[last] = (bytes[last] as number) + 1
  return bytes
}

const utf8 = new TextDecoder()

export function keyText(key: Uint8Array): string {
  return utf8.decode(key)
}

export function keyBytes(key: string | Uint8Array): Uint8Array {
  return typeof key === 'string' ? Buffer.from(key) : key
}
