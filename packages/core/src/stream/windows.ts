import { BusbarError } from '../error.js'

/** A span of event time, in milliseconds since the epoch. */
export interface Window {
  /** Its first millisecond. */
  readonly startMs: number
  /** Tumbling and hopping windows: the first millisecond behind it. Session windows: the time of its last record. */
  readonly endMs: number
}

/** Windows of one length, aligned to the epoch. Made by {@link tumbling} and {@link hopping}. */
export interface TimeWindows {
  readonly kind: 'time'
  readonly sizeMs: number
  /** From the start of one window to the start of the next. */
  readonly advanceMs: number
  readonly graceMs: number
}

/** Windows of activity, each key's own. Made by {@link sessions}. */
export interface SessionWindows {
  readonly kind: 'session'
  readonly gapMs: number
  readonly graceMs: number
}

/** Windows that one record may be in: it changes each of them, in one commit. */
const maxOverlapping = 10_000

interface Grace {
  /**
   * How long after its end, in milliseconds of event time, a window still takes records that come late. What comes later
   * still is dropped. Default: 0.
   */
  readonly graceMs?: number
}

/**
 * Windows of a fixed length without overlap or gap: each record is in one. `[start, end)`, aligned to the epoch.
 * Kafka Streams: `TimeWindows.ofSizeAndGrace`.
 * @throws BusbarError `CONFIG_INVALID` for lengths that are no whole number of milliseconds.
 */
export function tumbling(options: { readonly sizeMs: number } & Grace): TimeWindows {
  return hopping({ ...options, advanceMs: options.sizeMs })
}

/**
 * Windows of a fixed length, one beginning every `advanceMs`: they overlap, and each record is in as many as cover it.
 * `[start, end)`, aligned to the epoch. Kafka Streams: `TimeWindows.ofSizeAndGrace(…).advanceBy(…)`.
 * @throws BusbarError `CONFIG_INVALID` for lengths that are no whole number of milliseconds, an advance beyond the size, or
 * more than 10,000 windows that overlap.
 */
export function hopping(
  options: { readonly sizeMs: number; readonly advanceMs: number } & Grace,
): TimeWindows {
  const sizeMs = length('sizeMs', options.sizeMs, 1)
  const advanceMs = length('advanceMs', options.advanceMs, 1)
  if (advanceMs > sizeMs)
    throw new BusbarError(
      'CONFIG_INVALID',
      `window option "advanceMs" (${advanceMs}) must not exceed "sizeMs" (${sizeMs}): records between windows would be lost`,
    )
  const overlapping = Math.ceil(sizeMs / advanceMs)
  if (overlapping > maxOverlapping)
    throw new BusbarError(
      'CONFIG_INVALID',
      `window options "sizeMs" (${sizeMs}) and "advanceMs" (${advanceMs}): each record would be in ${overlapping} windows, more than ${maxOverlapping}: give a longer advance`,
    )
  return { kind: 'time', sizeMs, advanceMs, graceMs: length('graceMs', options.graceMs ?? 0, 0) }
}

/**
 * Windows of activity: records of a key that are at most `gapMs` apart share one, and a record between two of them makes
 * one of both. `[start, end]`, from the time of its first record to that of its last. Kafka Streams:
 * `SessionWindows.ofInactivityGapAndGrace`.
 * @throws BusbarError `CONFIG_INVALID` for lengths that are no whole number of milliseconds.
 */
export function sessions(options: { readonly gapMs: number } & Grace): SessionWindows {
  return {
    kind: 'session',
    gapMs: length('gapMs', options.gapMs, 1),
    graceMs: length('graceMs', options.graceMs ?? 0, 0),
  }
}

/** The windows that a moment is in, the earliest first. None begins before the epoch. */
export function windowsAt({ sizeMs, advanceMs }: TimeWindows, timestampMs: number): readonly Window[] {
  const windows: Window[] = []
  const first = Math.max(0, timestampMs - sizeMs + advanceMs)
  for (let startMs = first - (first % advanceMs); startMs <= timestampMs; startMs += advanceMs)
    windows.push({ startMs, endMs: startMs + sizeMs })
  return windows
}

/** Whether a time window takes nothing more: its end and grace have passed. */
export function isClosed({ endMs }: Window, { graceMs }: TimeWindows, streamTimeMs: number): boolean {
  return endMs + graceMs <= streamTimeMs
}

/** Whether a session takes nothing more. Its end is a record's time, and so still within it. */
export function isSessionClosed(
  { endMs }: Window,
  { gapMs, graceMs }: SessionWindows,
  streamTimeMs: number,
): boolean {
  return endMs + gapMs + graceMs < streamTimeMs
}

/** The session that spans two. */
export function mergedSession(one: Window, other: Window): Window {
  return { startMs: Math.min(one.startMs, other.startMs), endMs: Math.max(one.endMs, other.endMs) }
}

/**
 * Refuses what is no number of milliseconds.
 * @throws BusbarError `CONFIG_INVALID`
 */
export function length(option: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new BusbarError(
    'CONFIG_INVALID',
    `window option "${option}" must be a whole number of milliseconds, at least ${least}, got ${String(value)}`,
  )
}
