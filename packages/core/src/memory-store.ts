import { BusbarError } from './error.js'
import type { Claim, Completion, IdempotencyStore } from './idempotency-store.js'
import { type Runtime, systemRuntime } from './runtime.js'

export interface MemoryStoreOptions {
  /**
   * Completed keys that are remembered; beyond it the least recently asked for is forgotten, and would run again.
   * Claims come on top: a live one is never evicted. Default: 10,000.
   */
  readonly maxEntries?: number
  /** Whose time leases and marks run by. Default: the process's clock. */
  readonly runtime?: Runtime
}

interface Held {
  readonly token: string
  readonly until: number
}

interface Done {
  readonly result: Uint8Array | undefined
  readonly until: number
}

/**
 * An idempotency store within this process: for tests, and for services of one instance that can bear to forget at a
 * restart.
 * @throws BusbarError `CONFIG_INVALID` if `maxEntries` is not a positive integer.
 */
export function memoryStore(options: MemoryStoreOptions = {}): IdempotencyStore {
  const { maxEntries = 10_000, runtime = systemRuntime } = options
  if (!(Number.isInteger(maxEntries) && maxEntries > 0)) {
    throw new BusbarError(
      'CONFIG_INVALID',
      `memoryStore: option "maxEntries" must be a positive integer, got ${maxEntries}`,
    )
  }
  return new MemoryStore(maxEntries, runtime)
}

class MemoryStore implements IdempotencyStore {
  readonly #maxEntries: number
  readonly #runtime: Runtime
  /** In the order in which they were claimed or renewed, so that those whose lease ran out come first. */
  readonly #held = new Map<string, Held>()
  /** In the order in which they were last asked for. */
  readonly #done = new Map<string, Done>()

  constructor(maxEntries: number, runtime: Runtime) {
    this.#maxEntries = maxEntries
    this.#runtime = runtime
  }

  async claim(key: string, leaseMs: number): Promise<Claim> {
    const now = this.#runtime.now()
    this.#forgetExpired(now)
    const done = this.#done.get(key)
    if (done) {
      this.#done.delete(key)
      if (done.until > now) {
        this.#done.set(key, done)
        return { kind: 'completed', result: done.result?.slice() }
      }
    }
    const held = this.#held.get(key)
    if (held && held.until > now) return { kind: 'busy', leaseMs: held.until - now }
    const token = this.#runtime.uuid()
    this.#hold(key, { token, until: now + leaseMs })
    return { kind: 'claimed', token }
  }

  async renew(key: string, token: string, leaseMs: number): Promise<boolean> {
    if (!this.#holds(key, token)) return false
    this.#hold(key, { token, until: this.#runtime.now() + leaseMs })
    return true
  }

  async complete(key: string, token: string, completion: Completion): Promise<boolean> {
    if (!this.#holds(key, token)) return false
    this.#held.delete(key)
    this.#done.set(key, { result: completion.result?.slice(), until: this.#runtime.now() + completion.ttlMs })
    if (this.#done.size > this.#maxEntries) deleteFirst(this.#done)
    return true
  }

  async release(key: string, token: string): Promise<void> {
    if (this.#holds(key, token)) this.#held.delete(key)
  }

  #holds(key: string, token: string): boolean {
    const held = this.#held.get(key)
    return held !== undefined && held.token === token && held.until > this.#runtime.now()
  }

  #hold(key: string, held: Held): void {
    this.#held.delete(key)
    this.#held.set(key, held)
  }

  /** Claims of the dead must not pile up; marks need no such care, their number is bounded. */
  #forgetExpired(now: number): void {
    for (const [key, held] of this.#held) {
      if (held.until > now) return
      this.#held.delete(key)
    }
  }
}

function deleteFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
