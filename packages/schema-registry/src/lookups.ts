/** How much {@link Lookups} keeps. */
export interface LookupLimits {
  readonly entries: number
  readonly failures: number
  readonly failureMs: number
}

/**
 * Answers by key, each asked for once: who asks meanwhile waits for the same answer, and who asks again gets it without
 * a promise. Failures are answers too, for a while. All of it is bounded; what was not used for the longest time goes.
 */
export class Lookups<K, V> {
  readonly #limits: LookupLimits
  readonly #answers = new Map<K, V>()
  readonly #failures = new Map<K, { readonly error: unknown; readonly until: number }>()
  readonly #asked = new Map<K, Promise<V>>()

  constructor(limits: LookupLimits) {
    this.#limits = limits
  }

  /** What is known already. */
  known(key: K): V | undefined {
    const answer = this.#answers.get(key)
    if (answer === undefined) return undefined
    this.#answers.delete(key)
    this.#answers.set(key, answer)
    return answer
  }

  /** The answer that is known, or else what `ask` finds out. Throws a failure that is remembered. */
  find(key: K, ask: () => Promise<V>): V | Promise<V> {
    const known = this.known(key)
    if (known !== undefined) return known
    const failure = this.#failures.get(key)
    if (failure !== undefined) {
      if (performance.now() < failure.until) throw failure.error
      this.#failures.delete(key)
    }
    const asked = this.#asked.get(key) ?? this.#ask(key, ask)
    this.#asked.set(key, asked)
    return asked
  }

  set(key: K, answer: V): void {
    this.#failures.delete(key)
    keep(this.#answers, key, answer, this.#limits.entries)
  }

  forgetFailures(): void {
    this.#failures.clear()
  }

  async #ask(key: K, ask: () => Promise<V>): Promise<V> {
    try {
      const answer = await ask()
      this.set(key, answer)
      return answer
    } catch (error) {
      const { failures, failureMs } = this.#limits
      if (failureMs > 0) keep(this.#failures, key, { error, until: performance.now() + failureMs }, failures)
      throw error
    } finally {
      this.#asked.delete(key)
    }
  }
}

function keep<K, V>(map: Map<K, V>, key: K, value: V, limit: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= limit) return
  const [oldest] = map.keys()
  map.delete(oldest as K)
}
