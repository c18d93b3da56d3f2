/**
 * Where completed deliveries are remembered. A key goes through: free → claimed (for a lease) → completed (for a time to
 * live) → free. Every method is atomic across processes. Stores: in memory here, Redis and Postgres as packages.
 */
export interface IdempotencyStore {
  /**
   * Claims a key for `leaseMs` milliseconds. A claim whose lease has run out (its holder died) can be claimed again, with
   * a new token.
   */
  claim(key: string, leaseMs: number): Promise<Claim>
  /** Extends a claim to `leaseMs` from now. False: the claim is no longer this token's. */
  renew(key: string, token: string, leaseMs: number): Promise<boolean>
  /**
   * Marks a key as completed for `ttlMs` milliseconds, with a result that later deliveries get instead of running again.
   * False: the claim is no longer this token's, and nothing was marked (the token fences off a holder that was too slow).
   */
  complete(key: string, token: string, completion: Completion): Promise<boolean>
  /** Gives a claim up, so that the next delivery can claim at once. Does nothing if it is no longer this token's. */
  release(key: string, token: string): Promise<void>
}

export type Claim =
  /** The key is this caller's; the token proves it, and differs for every claim. */
  | { readonly kind: 'claimed'; readonly token: string }
  /** It was done before: `result` is what `complete` was given. */
  | { readonly kind: 'completed'; readonly result: Uint8Array | undefined }
  /** Somebody else works on it; the lease ends after `leaseMs` milliseconds if it is not renewed. */
  | { readonly kind: 'busy'; readonly leaseMs: number }

export interface Completion {
  /** How long the mark is kept, in milliseconds. */
  readonly ttlMs: number
  readonly result?: Uint8Array
}
