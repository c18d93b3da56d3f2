import { isUtf8 } from 'node:buffer'
import { BusbarError } from '../../error.js'
import { Step, type Tap } from '../avsc-step.js'
import { readLong, readSafeLong } from '../long-bytes.js'

// All of these read bytes that a bounds check has passed.

/** A long as a number. */
export class LongReader extends Step {
  readonly #where: string

  constructor(where: string) {
    super()
    this.#where = where
  }

  override _read(tap: Tap): number {
    const value = readSafeLong(tap)
    if (value !== undefined) return value
    const hint = "give avro() the option long: 'bigint'"
    throw new BusbarError(
      'DECODE_FAILED',
      `a long beyond 2^53, which no number holds, ${this.#where}: ${hint}`,
    )
  }
}

/** A long, or an int, as a bigint. */
export class BigIntReader extends Step {
  override _read(tap: Tap): bigint {
    return BigInt(readLong(tap))
  }
}

/** A long as the nearest double. */
export class LongAsDouble extends Step {
  override _read(tap: Tap): number {
    return Number(readLong(tap))
  }
}

/** A long, or an int, as the nearest float. */
export class LongAsFloat extends Step {
  override _read(tap: Tap): number {
    const value = readLong(tap)
    return Math.fround(typeof value === 'number' ? value : Number(withoutTies(value)))
  }
}

/**
 * Rounding to a double and then to a float can differ from rounding once, where the first makes a tie. So what a double
 * does not hold is noted in a bit that it does hold.
 */
function withoutTies(value: bigint): bigint {
  const low = value & 0x7ffn
  return low === 0n ? value : value - low + 0x400n
}

/** Bytes as JavaScript's own kind, copied: a view would keep the whole batch of records alive. */
export class BytesReader extends Step {
  override _read(tap: Tap): Uint8Array {
    return taken(tap, tap.readLong())
  }
}

export class FixedReader extends Step {
  readonly #size: number

  constructor(size: number) {
    super()
    this.#size = size
  }

  override _read(tap: Tap): Uint8Array {
    return taken(tap, this.#size)
  }
}

/** Bytes as the text that they are the UTF-8 of. */
export class BytesAsText extends Step {
  readonly #where: string

  constructor(where: string) {
    super()
    this.#where = where
  }

  override _read(tap: Tap): string {
    const start = tap.pos
    const length = tap.readLong()
    if (!isUtf8(tap.buf.subarray(tap.pos, tap.pos + length))) {
      throw new BusbarError('DECODE_FAILED', `bytes that are not UTF-8, and read as a string, ${this.#where}`)
    }
    tap.pos = start
    return tap.readString()
  }
}

function taken(tap: Tap, length: number): Uint8Array {
  const start = tap.pos
  tap.pos += length
  return new Uint8Array(tap.buf.subarray(start, tap.pos))
}
