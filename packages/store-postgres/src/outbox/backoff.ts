/** How long what failed waits before it's tried again: doubled each time, from `delayMs` up to `maxDelayMs`. */
export interface BackoffOptions {
  /** After the first failure, in milliseconds. Default: 100. */
  readonly delayMs?: number
  /** At most, in milliseconds. Default: 30,000. */
  readonly maxDelayMs?: number
}

/** The delay after the how-manieth failure in a row, a little shorter at random, so that many don't come back at once. */
export function backoffMs(
  { delayMs = 100, maxDelayMs = 30_000 }: BackoffOptions,
  failures: number,
  random: number,
): number {
  const full = Math.min(maxDelayMs, delayMs * 2 ** Math.min(failures - 1, 30))
  return Math.round(full * (0.75 + random / 4))
}
