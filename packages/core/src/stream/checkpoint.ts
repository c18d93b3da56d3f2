/** How far a store has come. */
export interface Checkpoint {
  /** The next position of its changelog. */
  readonly position: number
  readonly streamTimeMs: number
  /** When it was written, by the clock. */
  readonly writtenAtMs: number
}

export function encodeCheckpoint({ position, streamTimeMs, writtenAtMs }: Checkpoint): Uint8Array {
  return Buffer.from(JSON.stringify([position, streamTimeMs, writtenAtMs]))
}

/** Undefined for what is none. */
export function decodeCheckpoint(bytes: Uint8Array | undefined): Checkpoint | undefined {
  if (!bytes) return undefined
  try {
    const [position, streamTimeMs, writtenAtMs] = JSON.parse(Buffer.from(bytes).toString()) as number[]
    if (![position, streamTimeMs, writtenAtMs].every(Number.isFinite)) return undefined
    return { position, streamTimeMs, writtenAtMs } as Checkpoint
  } catch {
    return undefined
  }
}
