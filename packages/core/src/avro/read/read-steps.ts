import { BusbarError, reasonOf } from '../../error.js'
import { Step, type Tap, type TapType } from '../avsc-step.js'
import type { BoundConversion } from '../shape.js'
import type { BoundsCheck } from './bounds-check.js'
import { Cursor } from './cursor.js'

// All of these read bytes that a bounds check has passed.

export class EnumReader extends Step {
  readonly #symbols: readonly (string | undefined)[]
  readonly #refuse: (index: number) => BusbarError

  /**
   * @param symbols the reader's symbol for each of the writer's, where it has one.
   * @param refuse the error for one that it does not have.
   */
  constructor(symbols: readonly (string | undefined)[], refuse: (index: number) => BusbarError) {
    super()
    this.#symbols = symbols
    this.#refuse = refuse
  }

  override _read(tap: Tap): string {
    const index = tap.readLong()
    const symbol = this.#symbols[index]
    if (symbol === undefined) throw this.#refuse(index)
    return symbol
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

function blockCount(tap: Tap): number {
  const count = tap.readLong()
  if (count >= 0) return count
  tap.readLong()
  return -count
}

/** An error that was made with the plan, anew for each record that meets it. */
function again({ code, message }: BusbarError): BusbarError {
  return new BusbarError(code, message)
}
