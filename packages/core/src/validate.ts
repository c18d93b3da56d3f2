import { BusbarError } from './error.js'

/**
 * Refuses what is not a positive number.
 * @throws BusbarError `CONFIG_INVALID` naming the option.
 */
export function positive(option: string, value: number): number {
  if (typeof value === 'number' && value > 0) return value
  throw new BusbarError('CONFIG_INVALID', `option "${option}" must be a positive number, got ${String(value)}`)
}
