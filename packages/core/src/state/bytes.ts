/** Bytes as text that is equal for equal bytes and ordered as they are. */
export function textOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** The bytes of {@link textOfBytes}. */
export function bytesOfText(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}
