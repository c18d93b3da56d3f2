import type { IdempotencyStore } from '../idempotency-store.js'

/** @throws Error with what should have been, when it isn't. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`not so: ${what}`)
}

/** Claims a key that must be free; resolves its token. */
export async function claimed(store: IdempotencyStore, key: string, leaseMs: number): Promise<string> {
  const claim = await store.claim(key, leaseMs)
  check(claim.kind === 'claimed', `the key can be claimed, got ${claim.kind}`)
  check(typeof claim.token === 'string' && claim.token !== '', 'a claim has a token')
  return claim.token
}
