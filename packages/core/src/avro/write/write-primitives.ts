import { Step, type Tap, type TapType } from '../avsc-step.js'
import { writeLong } from '../long-bytes.js'
import { isFloat, isLong, isObject, isText } from '../raw-values.js'
import type { EnumShape } from '../shape.js'

// Each of these throws for a value that is not one of its type. What they throw is never shown: `explain` finds out what
// is wrong, and where.
export class Refused extends Error {}

export class TextWriter extends Step {
  override _write(tap: Tap, value: unknown): void {
    if (!isText(value)) throw new Refused()
    tap.writeString(value)
  }
}

export class LongWriter extends Step {
  override _write(tap: Tap, value: unknown): void {
    if (!Number.isSafeInteger(value)) throw new Refused()
    writeLong(tap, value as number)
  }
}

export class BigIntWriter extends Step {
  override _write(tap: Tap, value: unknown): void {
    if (!isLong(value)) throw new Refused()
    writeLong(tap, value)
  }
}

export class FloatWriter extends Step {
  override _write(tap: Tap, value: unknown): void {
    if (!isFloat(value)) throw new Refused()
    tap.writeFloat(value)
  }
}

export class BytesWriter extends Step {
  override _write(tap: Tap, value: unknown): void {
    if (!(value instanceof Uint8Array)) throw new Refused()
    tap.writeLong(value.length)
    writeAll(tap, value)
  }
}

export class FixedWriter extends Step {
  readonly #size: number

  constructor(size: number) {
    super()
    this.#size = size
  }

  override _write(tap: Tap, value: unknown): void {
    if (!(value instanceof Uint8Array) || value.length !== this.#size) throw new Refused()
    writeAll(tap, value)
  }
}

export class EnumWriter extends Step {
  readonly #indexes: EnumShape['indexes']

  constructor({ indexes }: EnumShape) {
    super()
    this.#indexes = indexes
  }

  override _write(tap: Tap, value: unknown): void {
    const index = this.#indexes.get(value)
    if (index === undefined) throw new Refused()
    tap.writeLong(index)
  }
}

export class MapWriter extends Step {
  readonly #values: TapType

  constructor(values: TapType) {
    super()
    this.#values = values
  }

  override _write(tap: Tap, value: unknown): void {
    if (!isObject(value)) throw new Refused()
    const keys = Object.keys(value)
    if (keys.length > 0) tap.writeLong(keys.length)
    for (const key of keys) {
      if (!key.isWellFormed()) throw new Refused()
      tap.writeString(key)
      this.#values._write(tap, value[key])
    }
    tap.writeLong(0)
  }
}

export function writeAll(tap: Tap, bytes: Uint8Array): void {
  // avsc takes a length of 0 for none given.
  if (bytes.length === 0) return
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  tap.writeFixed(buffer, buffer.length)
}
