import type { IdempotencyStore, Runtime } from '@busbar/core'

interface Entry {
  readonly token: string
  untilMs: number
  done: boolean
  result: Uint8Array | undefined
}

/** The least that keeps the contract of idempotency stores. */
export function tinyStore(runtime: Runtime): IdempotencyStore {
  const entries = new Map<string, Entry>()
  const held = (key: string, token: string): Entry | undefined => {
    const entry = entries.get(key)
    return entry?.token === token && !entry.done && entry.untilMs > runtime.now() ? entry : undefined
  }
  return {
    async claim(key, leaseMs) {
      const entry = entries.get(key)
      const leftMs = (entry?.untilMs ?? 0) - runtime.now()
      if (entry && leftMs > 0) {
        return entry.done ? { kind: 'completed', result: entry.result } : { kind: 'busy', leaseMs: leftMs }
      }
      const token = runtime.uuid()
      entries.set(key, { token, untilMs: runtime.now() + leaseMs, done: false, result: undefined })
      return { kind: 'claimed', token }
    },
    async renew(key, token, leaseMs) {
      const entry = held(key, token)
      if (entry) entry.untilMs = runtime.now() + leaseMs
      return entry !== undefined
    },
    async complete(key, token, { ttlMs, result }) {
      const entry = held(key, token)
      if (entry) Object.assign(entry, { done: true, result, untilMs: runtime.now() + ttlMs })
      return entry !== undefined
    },
    async release(key, token) {
      if (held(key, token)) entries.delete(key)
    },
  }
}
