/** What a request was answered with, kept so that a duplicate gets the same. */
export interface StoredAnswer {
  /** Those of an error; none for a reply. */
  readonly headers: Readonly<Record<string, string>>
  readonly value: Uint8Array
}

const lengthBytes = 4

/** As bytes: the length of the headers, the headers as JSON, the value. */
export function packAnswer({ headers, value }: StoredAnswer): Uint8Array {
  const text = Buffer.from(JSON.stringify(headers))
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text, value])
}

export function unpackAnswer(bytes: Uint8Array): StoredAnswer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = lengthBytes + buffer.readUInt32BE(0)
  const headers = JSON.parse(buffer.toString('utf8', lengthBytes, end)) as StoredAnswer['headers']
  return { headers, value: buffer.subarray(end) }
}
