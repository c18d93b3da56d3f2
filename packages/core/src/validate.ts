import { BusbarError } from './error.js'

/**
 * Refuses what is not a whole number from 1 on.
 * @throws BusbarError `CONFIG_INVALID` naming the option.
 */
export function whole(option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value
  throw new BusbarError('CONFIG_INVALID', `option "${option}" must be a whole number of at least 1, got ${String(value)}`)
}

/**
 * Refuses what is not a positive number.
 * @throws BusbarError `CONFIG_INVALID` naming the option.
 */
export function positive(option: string, value: number): number {
  if (typeof value === 'number' && value > 0) return value
  throw new BusbarError('CONFIG_INVALID', `option "${option}" must be a positive number, got ${String(value)}`)
}
