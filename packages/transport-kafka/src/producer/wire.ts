import type { EncodedRequest, Protocol } from '../kafkajs-internals.js'

/** Reads the fields of an answer one after the other, as the protocol guide names them. */
export class WireReader {
  readonly #bytes: Buffer
  #position = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int8(): number {
    return this.#bytes.readInt8(this.#advance(1))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4))
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#advance(8))
  }

  /** An int64 that is known to fit 53 bits: offsets. */
  offset(): number {
    const at = this.#advance(8)
    return this.#bytes.readInt32BE(at) * 2 ** 32 + this.#bytes.readUInt32BE(at + 4)
  }

  /** Null reads as the empty string. */
  string(): string {
    const length = Math.max(0, this.int16())
    const at = this.#advance(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  array<T>(read: () => T): T[] {
    const items: T[] = []
    for (let left = this.int32(); left > 0; left--) items.push(read())
    return items
  }

  /** An unsigned varint, of at most 32 bits (KIP-482). */
  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#advance(1))
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) break
    }
    return value
  }

  /** A string of the flexible versions. Null reads as the empty string. */
  compactString(): string {
    const length = Math.max(0, this.unsignedVarint() - 1)
    const at = this.#advance(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** An array of the flexible versions. */
  compactArray<T>(read: () => T): T[] {
    const items: T[] = []
    for (let left = this.unsignedVarint() - 1; left > 0; left--) items.push(read())
    return items
  }

  /** Passes over the tagged fields that end each structure of the flexible versions. */
  tags(): void {
    for (let left = this.unsignedVarint(); left > 0; left--) {
      this.unsignedVarint()
      this.#advance(this.unsignedVarint())
    }
  }

  #advance(count: number): number {
    const at = this.#position
    this.#position += count
    return at
  }
}

export function int8(value: number): Buffer {
  const bytes = Buffer.alloc(1)
  bytes.writeInt8(value)
  return bytes
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

export function string(text: string): Buffer {
  const bytes = Buffer.alloc(2 + Buffer.byteLength(text))
  bytes.writeInt16BE(bytes.length - 2)
  bytes.write(text, 2)
  return bytes
}

/** An unsigned varint of the flexible versions (KIP-482). */
export function unsignedVarint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left])
    bytes.push((left % 128) | 0x80)
  }
}

export function compactString(text: string | null): Buffer {
  if (text === null) return unsignedVarint(0)
  const bytes = Buffer.from(text)
  return Buffer.concat([unsignedVarint(bytes.length + 1), bytes])
}

/** No tagged fields: ends each structure of the flexible versions. */
export const noTags = Buffer.from([0])

/** The same for a flexible version, whose header has tagged fields too. */
export function flexibleProtocol<T>(
  api: { readonly key: number; readonly version: number; readonly name: string },
  encode: () => readonly Uint8Array[],
  read: (reader: WireReader) => T,
): Protocol<T> {
  return protocol(
    api,
    () => [noTags, ...encode()],
    reader => {
      reader.tags()
      return read(reader)
    },
  )
}

/** A request of these bytes whose answer is read by `read`. kafkajs logs nothing of it. */
export function protocol<T>(
  api: { readonly key: number; readonly version: number; readonly name: string },
  encode: () => readonly Uint8Array[],
  read: (reader: WireReader) => T,
): Protocol<T> {
  return {
    request: {
      apiKey: api.key,
      apiVersion: api.version,
      apiName: api.name,
      encode: async () => encoded(Buffer.concat(encode())),
    },
    response: { decode: async payload => read(new WireReader(payload)), parse: async decoded => decoded },
    logResponseError: false,
  }
}

function encoded(bytes: Buffer): EncodedRequest {
  return { buf: bytes, buffer: bytes, size: () => bytes.length }
}
