import { isUtf8 } from 'node:buffer'
import { BusbarError, reasonOf } from '../error.js'
import { Step, type Tap, type TapType } from './avsc-step.js'
import { type BoundsCheck, Cursor } from './bounds-check.js'
import { readLong, readSafeLong } from './long-bytes.js'
import type { BoundConversion } from './shape.js'

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

/** A float's bytes as JavaScript's own kind, which is no view of the record. */
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

export class EnumReader extends Step {
  readonly #symbols: readonly (string | BusbarError)[]

  /** The reader's symbol for each of the writer's; an error for those that the reader does not have. */
  constructor(symbols: readonly (string | BusbarError)[]) {
    super()
    this.#symbols = symbols
  }

  override _read(tap: Tap): string {
    const symbol = this.#symbols[tap.readLong()]
    if (typeof symbol === 'string') return symbol
    throw again(symbol)
  }
}

export class MapReader extends Step {
  readonly #values: TapType

  constructor(values: TapType) {
    super()
    this.#values = values
  }

  override _read(tap: Tap): object {
    const map: Record<string, unknown> = {}
    for (let count = blockCount(tap); count > 0; count = blockCount(tap)) {
      while (count-- > 0) {
        const key = tap.readString()
        const value = this.#values._read(tap)
        // Assigning this key would give the map a prototype that the writer chose.
        if (key === '__proto__') Object.defineProperty(map, key, { value, ...ordinary })
        else map[key] = value
      }
    }
    return map
  }
}

const ordinary = { enumerable: true, writable: true, configurable: true }

export class UnionReader extends Step {
  readonly #branches: readonly TapType[]

  constructor(branches: readonly TapType[]) {
    super()
    this.#branches = branches
  }

  override _read(tap: Tap): unknown {
    return this.#branches[tap.readLong()]?._read(tap)
  }
}

/** A value of a wrapped union. */
export class WrappingReader extends Step {
  readonly #type: TapType
  readonly #key: string

  constructor(type: TapType, key: string) {
    super()
    this.#type = type
    this.#key = key
  }

  override _read(tap: Tap): object {
    return { [this.#key]: this.#type._read(tap) }
  }
}

export class ConvertingReader extends Step {
  readonly #type: TapType
  readonly #conversion: BoundConversion
  readonly #where: string

  constructor(type: TapType, conversion: BoundConversion, where: string) {
    super()
    this.#type = type
    this.#conversion = conversion
    this.#where = where
  }

  override _read(tap: Tap): unknown {
    const raw = this.#type._read(tap)
    try {
      return this.#conversion.fromAvro(raw)
    } catch (error) {
      const { expected } = this.#conversion
      const why = `${this.#where}: expected ${expected} (${reasonOf(error)})`
      throw new BusbarError('DECODE_FAILED', `a value that its conversion refuses ${why}`, { cause: error })
    }
  }
}

/** What the reader has no use for. */
export class Skipper extends Step {
  readonly #check: BoundsCheck

  constructor(check: BoundsCheck) {
    super()
    this.#check = check
  }

  override _read(tap: Tap): undefined {
    const cursor = new Cursor(tap.buf, tap.pos)
    this.#check(cursor)
    tap.pos = cursor.at
  }
}

/** What cannot be read as the reader's schema: an error for values that have it, and only for those. */
export class Unreadable extends Step {
  readonly #error: BusbarError

  constructor(error: BusbarError) {
    super()
    this.#error = error
  }

  override _read(): never {
    throw again(this.#error)
  }
}

/** A record: what avsc reads, finished where the reader's fields are not the writer's. */
export class RecordReader extends Step {
  /** Set once the fields are made, which may refer to it. */
  type: TapType | undefined
  finish: ((read: Readonly<Record<string, unknown>>) => object) | undefined

  override _read(tap: Tap): unknown {
    const read = this.type?._read(tap)
    return this.finish ? this.finish(read as Readonly<Record<string, unknown>>) : read
  }
}

function taken(tap: Tap, length: number): Uint8Array {
  const start = tap.pos
  tap.pos += length
  return new Uint8Array(tap.buf.subarray(start, tap.pos))
}

function blockCount(tap: Tap): number {
  const count = tap.readLong()
  if (count >= 0) return count
  tap.readLong()
  return -count
}

/** An error that was made with the plan, anew for each record that meets it. */
function again(error: BusbarError | undefined): BusbarError {
  return new BusbarError(error?.code ?? 'INTERNAL', error?.message ?? 'an index was not checked')
}
