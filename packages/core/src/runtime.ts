/** A timer that can be cancelled; cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void
}

/**
 * The one port through which core and the in-memory transport reach time, timers, randomness and ids. A virtual
 * clock or a seeded simulation replaces it as a whole; lint refuses the globals anywhere else.
 */
export interface Runtime {
  /** Wall-clock time in milliseconds since the epoch. */
  now(): number
  /** Calls back once after `delayMs` milliseconds (0 or less: as soon as possible, never synchronously). */
  setTimer(delayMs: number, callback: () => void): Timer
  /** Calls back once, after the present turn and its microtasks. */
  defer(callback: () => void): void
  /** A number in [0, 1). Not for secrets. */
  random(): number
  /** A new UUIDv7 (RFC 9562): unique, and ordered by time within one process. */
  uuid(): string
}

const maxTimerMs = 2 ** 31 - 1

/** The real clock, timers and randomness of the process. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  setTimer(delayMs, callback) {
    const dueAt = performance.now() + delayMs
    // setTimeout fires at once beyond 2^31 - 1 ms: a longer wait is made of several.
    const arm = (): NodeJS.Timeout => {
      const leftMs = dueAt - performance.now()
      return leftMs > maxTimerMs
        ? setTimeout(() => {
            handle = arm()
          }, maxTimerMs)
        : setTimeout(callback, Math.max(0, leftMs))
    }
    let handle = arm()
    return { cancel: () => clearTimeout(handle) }
  },
  defer: callback => void setImmediate(callback),
  random: () => Math.random(),
  uuid: createUuidSource(
    () => Date.now(),
    () => globalThis.crypto.getRandomValues(new Uint32Array(256)),
  ),
}

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it aborts. */
export function sleep(runtime: Runtime, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = runtime.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

let isoMs = Number.NaN
let isoText = ''

/** Milliseconds since the epoch as RFC 3339 text in UTC. Remembers the last one: publishes come many to a millisecond. */
export function isoTime(ms: number): string {
  if (ms !== isoMs) {
    isoText = new Date(ms).toISOString()
    isoMs = ms
  }
  return isoText
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/**
 * Makes a source of UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, a 12-bit counter that keeps ids of one
 * millisecond in order (method 1 of §6.2), and 62 random bits drawn from `words` in bulk.
 */
export function createUuidSource(now: () => number, words: () => Uint32Array): () => string {
  let lastMs = 0
  let counter = 0
  let pool = new Uint32Array(0)
  let drawn = 0
  let prefix = ''
  return () => {
    const ms = now()
    if (ms > lastMs) {
      lastMs = ms
      counter = 0
      prefix = timePrefix(lastMs)
    } else if (++counter > 0xfff) {
      // The counter is full: borrow the next millisecond rather than go backwards.
      lastMs += 1
      counter = 0
      prefix = timePrefix(lastMs)
    }
    if (drawn + 2 > pool.length) {
      pool = words() as Uint32Array<ArrayBuffer>
      drawn = 0
    }
    const high = pool[drawn++] ?? 0
    const low = pool[drawn++] ?? 0
    return `${prefix}-7${(0x1000 | counter).toString(16).slice(1)}-${hex[((high >>> 24) & 0x3f) | 0x80]}${hex[(high >>> 16) & 0xff]}-${
      hex[(high >>> 8) & 0xff]
    }${hex[high & 0xff]}${hex[low >>> 24]}${hex[(low >>> 16) & 0xff]}${hex[(low >>> 8) & 0xff]}${hex[low & 0xff]}`
  }
}

function timePrefix(ms: number): string {
  const text = ms.toString(16).padStart(12, '0')
  return `${text.slice(0, 8)}-${text.slice(8)}`
}
