import { BusbarError } from '@busbar/core'

/** Causes after which a registry is taken to be down as a whole, and not only for the question at hand. */
const downs = new WeakSet<BusbarError>()

/** Marks an error as one that says that nobody answers. */
export function nobodyAnswers(error: BusbarError): BusbarError {
  downs.add(error)
  return error
}

/** Spares a registry that is down the questions of every message, and messages the wait for each of them. */
export class Outage {
  readonly #rememberMs: number
  #error: BusbarError | undefined
  #until = 0

  constructor(rememberMs: number) {
    this.#rememberMs = rememberMs
  }

  /** Asks, unless nobody answered a moment ago: then that is the answer. */
  async guard<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#error !== undefined && performance.now() < this.#until) throw this.#error
    return this.watch(ask)
  }

  /** Asks in any case. */
  async watch<T>(ask: () => Promise<T>): Promise<T> {
    try {
      const answer = await ask()
      this.#error = undefined
      return answer
    } catch (error) {
      this.#error = error instanceof BusbarError && downs.has(error) ? error : undefined
      this.#until = performance.now() + this.#rememberMs
      throw error
    }
  }
}
