import type { IdempotencyStore } from '@busbar/core'

/** The smallest store there can be, without leases or times to live. Use one that outlives the process. */
export function mapStore(): IdempotencyStore {
  const entries = new Map<string, { token: string; isCompleted: boolean; result: Uint8Array | undefined }>()
  let tokens = 0
  return {
    claim: async (key, leaseMs) => {
      const entry = entries.get(key)
      if (entry?.isCompleted) return { kind: 'completed', result: entry.result }
      if (entry) return { kind: 'busy', leaseMs }
      const token = String(++tokens)
      entries.set(key, { token, isCompleted: false, result: undefined })
      return { kind: 'claimed', token }
    },
    renew: async (key, token) => entries.get(key)?.token === token,
    complete: async (key, token, { result }) => {
      if (entries.get(key)?.token !== token) return false
      entries.set(key, { token, isCompleted: true, result })
      return true
    },
    release: async (key, token) => {
      if (entries.get(key)?.token === token) entries.delete(key)
    },
  }
}
