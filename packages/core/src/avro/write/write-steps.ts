import { Step, type Tap, type TapType } from '../avsc-step.js'
import { isObject, wrappedBranch } from '../raw-values.js'
import type { BoundConversion, Shape, UnionShape } from '../shape.js'
import { choose } from './union-choice.js'
import { Refused, writeAll } from './write-primitives.js'

/** Stands around a record of avsc, which takes the fields of anything. */
export class RecordWriter extends Step {
  /** Set once its fields are made, which may refer to it. */
  record: TapType | undefined
  readonly #inherited: readonly string[]

  constructor(fields: readonly { readonly name: string }[]) {
    super()
    this.#inherited = fields.map(({ name }) => name).filter(name => name in Object.prototype)
  }

  override _write(tap: Tap, value: unknown): void {
    if (!isObject(value)) throw new Refused()
    this.record?._write(tap, this.#inherited.length > 0 ? this.#ownOf(value) : value)
  }

  /** A payload without a field "constructor" inherits a property of that name: not what is meant. */
  #ownOf(value: Readonly<Record<string, unknown>>): object {
    const own = this.#inherited.map(name => [name, Object.hasOwn(value, name) ? value[name] : undefined])
    return Object.assign(Object.create(value), Object.fromEntries(own)) as object
  }
}

/** A field with a default, already encoded, for payloads without it. */
export class DefaultWriter extends Step {
  readonly #type: TapType
  readonly #value: unknown
  #encoded: Buffer | undefined

  constructor(type: TapType, value: unknown) {
    super()
    this.#type = type
    this.#value = value
  }

  override _write(tap: Tap, value: unknown): void {
    if (value !== undefined) this.#type._write(tap, value)
    else writeAll(tap, this.#default())
  }

  /** Encoded at its first use: only then are the types of a recursive schema complete. */
  #default(): Buffer {
    this.#encoded ??= encoded(this.#type, this.#value)
    return this.#encoded
  }
}

/** Not by avsc's `toBuffer`: all of its calls share one cursor, and a conversion may encode something else meanwhile. */
function encoded(type: TapType, value: unknown): Buffer {
  const missing = -type.encode(value, Buffer.alloc(0))
  const bytes = Buffer.alloc(Math.max(0, missing))
  type.encode(value, bytes)
  return bytes
}

export class ConvertingWriter extends Step {
  readonly #type: TapType
  readonly #conversion: BoundConversion

  constructor(type: TapType, conversion: BoundConversion) {
    super()
    this.#type = type
    this.#conversion = conversion
  }

  override _write(tap: Tap, value: unknown): void {
    if (value === undefined) throw new Refused()
    this.#type._write(tap, this.#conversion.toAvro(value))
  }
}

export class UnionWriter extends Step {
  readonly #union: UnionShape
  readonly #types: readonly TapType[]
  readonly #null: number
  /** The one branch beside null, where there is one. */
  readonly #other: number

  constructor(union: UnionShape, types: readonly TapType[]) {
    super()
    this.#union = union
    this.#types = types
    this.#null = union.branches.findIndex(isNull)
    this.#other = types.length === 2 && this.#null >= 0 ? 1 - this.#null : -1
  }

  override _write(tap: Tap, value: unknown): void {
    if (value === undefined) throw new Refused()
    if (value === null && this.#null >= 0) tap.writeLong(this.#null)
    else if (this.#other >= 0) this.#branch(tap, this.#other, value)
    else this.#chosen(tap, value)
  }

  #chosen(tap: Tap, value: unknown): void {
    const { branches, isWrapped } = this.#union
    const branch = isWrapped ? wrappedBranch(branches, value) : { index: choose(branches, value), value }
    if (branch?.index === undefined) throw new Refused()
    this.#branch(tap, branch.index, branch.value)
  }

  #branch(tap: Tap, index: number, value: unknown): void {
    tap.writeLong(index)
    this.#types[index]?._write(tap, value)
  }
}

function isNull({ kind, conversion }: Shape): boolean {
  return kind === 'null' && conversion === undefined
}
