import { BusbarError, reasonOf } from '../../error.js'
import type { TapType } from '../avsc-step.js'
import type { SchemaNode } from '../schema/schema-node.js'
import type { Shape } from '../shape.js'
import { type BoundsCheck, boundsCheck } from './bounds-check.js'
import { Cursor } from './cursor.js'
import { readType } from './resolution.js'

/** Reads what was written with one schema. */
export class Decoder {
  readonly #shape: Shape
  readonly #source: string
  readonly #check: BoundsCheck | undefined
  readonly #type: TapType | undefined
  readonly #failure: BusbarError | undefined

  /**
   * One that cannot read throws at each `decode`, so that it can be kept: finding out costs as much as succeeding.
   *
   * @param source what the writer's schema is called, for messages.
   */
  constructor(writer: SchemaNode, shape: Shape, source: string) {
    this.#shape = shape
    this.#source = source
    try {
      this.#type = readType(writer, shape)
      this.#check = boundsCheck(writer)
    } catch (error) {
      const isTooDeep = error instanceof RangeError
      this.#failure = isTooDeep
        ? new BusbarError('SCHEMA_INVALID', 'its types are nested too deep')
        : BusbarError.from(error, 'SCHEMA_INCOMPATIBLE', 'resolving it')
    }
  }

  /** Reads the value that begins at a byte and must end with the last. */
  decode(bytes: Uint8Array, at: number): unknown {
    try {
      return this.#read(bytes, at)
    } catch (error) {
      throw this.#explained(error)
    }
  }

  #read(bytes: Uint8Array, at: number): unknown {
    if (!this.#check || !this.#type) throw this.#failure ?? new Error('no failure')
    const cursor = new Cursor(bytes, at)
    this.#check(cursor)
    if (cursor.at < bytes.length) {
      const left = bytes.length - cursor.at
      throw new BusbarError('DECODE_FAILED', `${left} bytes left over at byte ${cursor.at}`)
    }
    const buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const { value } = this.#type.decode(buffer, at) as { readonly value: unknown }
    return value
  }

  #explained(error: unknown): BusbarError {
    const doing = `cannot read a value that was written with ${this.#source} as ${this.#shape.name}`
    if (!(error instanceof BusbarError)) {
      return new BusbarError('DECODE_FAILED', `${doing}: ${reasonOf(error)}`, { cause: error })
    }
    const cause = error.cause === undefined ? {} : { cause: error.cause }
    return new BusbarError(error.code, `${doing}: ${error.message}`, { retryable: error.retryable, ...cause })
  }
}
