/** What a schema declares of a decimal (Avro 1.12, "Decimal"): how many digits in all, and how many after the point. */
export interface DecimalFormat {
  readonly precision: number
  readonly scale: number
}

const pattern = /^([+-]?)(\d+)(?:\.(\d+))?$/

/** The digits of a decimal without its point. Throws where the format does not hold it exactly. */
export function unscaledOf(text: unknown, { precision, scale }: DecimalFormat): bigint {
  // Longer texts hold nothing but zeros more, and the time to read digits grows with the square of their number.
  const match = typeof text === 'string' && text.length <= precision + scale + 100 ? pattern.exec(text) : null
  if (!match) throw new Error('not a decimal')
  const [, sign = '', whole = '', fraction = ''] = match
  if (/[1-9]/.test(fraction.slice(scale))) throw new Error(`more than ${scale} digits after the point`)
  const digits = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'))
  if (digits >= 10n ** BigInt(precision)) throw new Error(`more than ${precision} digits`)
  return sign === '-' ? -digits : digits
}

/** The decimal with exactly `scale` digits after the point. */
export function decimalText(unscaled: bigint, { precision, scale }: DecimalFormat): string {
  const digits = unscaled < 0n ? -unscaled : unscaled
  if (digits >= 10n ** BigInt(precision)) throw new Error(`more than ${precision} digits`)
  const text = digits.toString().padStart(scale + 1, '0')
  const whole = text.slice(0, text.length - scale)
  const sign = unscaled < 0n ? '-' : ''
  return scale === 0 ? sign + whole : `${sign}${whole}.${text.slice(-scale)}`
}

/** Two's complement, big-endian; in `size` bytes, or in as few as it takes. */
export function bytesOfInteger(value: bigint, size?: number): Uint8Array {
  const length = size ?? bytesNeeded(value)
  const hex = BigInt.asUintN(length * 8, value)
    .toString(16)
    .padStart(length * 2, '0')
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** The integer of two's complement, big-endian bytes, if it has no more than `precision` digits. */
export function integerOfBytes(bytes: Uint8Array, precision: number): bigint {
  if (bytes.length === 0) throw new Error('no bytes')
  const isNegative = (bytes[0] ?? 0) >= 0x80
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === (isNegative ? 0xff : 0)) start++
  // What is left is within a digit of its size: much more would take long to convert, only to be refused.
  if (bytes.length - start > precision / 2 + 2) throw new Error(`more than ${precision} digits`)
  const significant = bytes.subarray(start)
  const value = BigInt(`0x${Buffer.from(significant).toString('hex')}`)
  return isNegative ? value - (1n << BigInt(significant.length * 8)) : value
}

/** The most digits that a fixed of `size` bytes holds. */
export function digitsIn(size: number): number {
  return size === 0 ? 0 : Math.floor(Math.log10(2) * (size * 8 - 1))
}

function bytesNeeded(value: bigint): number {
  const magnitude = value < 0n ? -value - 1n : value
  return Math.floor(magnitude === 0n ? 0 : magnitude.toString(2).length / 8) + 1
}
