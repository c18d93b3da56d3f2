import type { Claim, Completion, IdempotencyStore, Runtime } from '@busbar/core'

interface Entry {
  token: string
  endsAtMs: number
  completion: Completion | undefined
}

/** A small idempotency store, which tests may look into and interfere with. */
export class TestStore implements IdempotencyStore {
  readonly entries = new Map<string, Entry>()
  /** Every call, in order. */
  readonly calls: string[] = []
  /** Called before each operation: throw or wait to make it fail or late. */
  before: (operation: 'claim' | 'renew' | 'complete' | 'release', key: string) => void | Promise<void> =
    () => {}
  readonly #runtime: Runtime
  #tokens = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  async claim(key: string, leaseMs: number): Promise<Claim> {
    await this.#call('claim', key)
    const entry = this.entries.get(key)
    const now = this.#runtime.now()
    if (entry && entry.endsAtMs > now) {
      if (entry.completion) return { kind: 'completed', result: entry.completion.result }
      return { kind: 'busy', leaseMs: entry.endsAtMs - now }
    }
    const token = `token-${++this.#tokens}`
    this.entries.set(key, { token, endsAtMs: now + leaseMs, completion: undefined })
    return { kind: 'claimed', token }
  }

  async renew(key: string, token: string, leaseMs: number): Promise<boolean> {
    await this.#call('renew', key)
    const entry = this.#held(key, token)
    if (entry) entry.endsAtMs = this.#runtime.now() + leaseMs
    return entry !== undefined
  }

  async complete(key: string, token: string, completion: Completion): Promise<boolean> {
    await this.#call('complete', key)
    const entry = this.#held(key, token)
    if (entry) Object.assign(entry, { completion, endsAtMs: this.#runtime.now() + completion.ttlMs })
    return entry !== undefined
  }

  async release(key: string, token: string): Promise<void> {
    await this.#call('release', key)
    if (this.#held(key, token)) this.entries.delete(key)
  }

  /** How many keys are completed. */
  get completed(): number {
    return [...this.entries.values()].filter(entry => entry.completion).length
  }

  /** Takes a claim away from its holder, as when its lease had run out. */
  steal(): void {
    for (const entry of this.entries.values()) entry.token = `token-${++this.#tokens}`
  }

  async #call(operation: 'claim' | 'renew' | 'complete' | 'release', key: string): Promise<void> {
    this.calls.push(operation)
    await this.before(operation, key)
  }

  #held(key: string, token: string): Entry | undefined {
    const entry = this.entries.get(key)
    return entry && entry.token === token && !entry.completion && entry.endsAtMs > this.#runtime.now()
      ? entry
      : undefined
  }
}
