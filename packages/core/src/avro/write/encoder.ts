import { BusbarError, reasonOf } from '../../error.js'
import type { TapType } from '../avsc-step.js'
import { type BoundsCheck, boundsCheck } from '../read/bounds-check.js'
import { Cursor } from '../read/cursor.js'
import type { Shape } from '../shape.js'
import { explain } from './explain.js'
import { canPassLimits } from './reader-limits.js'
import { writeType } from './write-type.js'

const firstSize = 16_384
/** Larger ones are not kept. */
const largestKept = 1_048_576

/** Shared by all encoders, and taken away while one writes: a conversion may encode something else meanwhile. */
let scratch: Buffer | undefined

/** Writes the payloads of a shape. */
export class Encoder {
  readonly #shape: Shape
  readonly #type: TapType
  /** Where a payload may be right, and yet refused by every reader. */
  readonly #check: BoundsCheck | undefined

  constructor(shape: Shape) {
    this.#shape = shape
    this.#type = writeType(shape)
    this.#check = canPassLimits(shape) ? boundsCheck(shape.node) : undefined
  }

  /**
   * Avro binary after `header` bytes that are left for the caller to fill.
   *
   * Encodes first, and looks for what is wrong only when that fails: valid payloads are gone through once.
   *
   * @throws BusbarError `PAYLOAD_INVALID` naming each wrong field, but no value.
   */
  encode(payload: unknown, header: number): Buffer {
    let bytes: Buffer
    try {
      bytes = this.#write(payload, header)
    } catch {
      // Without what was thrown: avsc's messages quote values.
      throw this.#refusal(payload)
    }
    if (this.#check) this.#checkLimits(this.#check, bytes, header)
    return bytes
  }

  #write(payload: unknown, header: number): Buffer {
    let buffer = scratch ?? Buffer.allocUnsafe(firstSize)
    scratch = undefined
    try {
      let end = this.#type.encode(payload, buffer, header)
      // Negative by the bytes that are missing. Not twice, unless a getter gives something else each time.
      for (let round = 0; end < 0 && round < 3; round++) {
        buffer = Buffer.allocUnsafe(buffer.length - end)
        end = this.#type.encode(payload, buffer, header)
      }
      if (end < 0) throw new Error('the payload changes while it is encoded')
      const bytes = Buffer.allocUnsafe(end)
      buffer.copy(bytes, 0, 0, end)
      return bytes
    } finally {
      if (buffer.length <= largestKept) scratch = buffer
    }
  }

  #refusal(payload: unknown): BusbarError {
    const doing = `this payload is no ${this.#shape.name}`
    const problems = explain(this.#shape, payload)
    if (problems !== undefined) return new BusbarError('PAYLOAD_INVALID', `${doing}: ${problems}`)
    return new BusbarError('ENCODE_FAILED', `${doing}, and gives different values each time that it is read`)
  }

  #checkLimits(check: BoundsCheck, bytes: Buffer, header: number): void {
    try {
      check(new Cursor(bytes, header))
    } catch (error) {
      const why = `no reader accepts this payload of ${this.#shape.name}: ${reasonOf(error)}`
      throw new BusbarError('PAYLOAD_INVALID', why, { cause: error })
    }
  }
}
