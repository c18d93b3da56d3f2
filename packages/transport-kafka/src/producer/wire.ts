import type { EncodedRequest, Protocol } from '../kafkajs-internals.js'

/** Reads the fields of an answer one after the other, as the protocol guide names them (not the flexible versions). */
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

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function string(text: string): Buffer {
  const bytes = Buffer.alloc(2 + Buffer.byteLength(text))
  bytes.writeInt16BE(bytes.length - 2)
  bytes.write(text, 2)
  return bytes
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
