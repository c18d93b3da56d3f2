import type { ConformanceCase } from './conformance-case.js'

/**
 * Runs cases in their order, some at a time, from the moment that the first result is asked for: on a real broker most of
 * a case is waiting. Whoever runs tests one after the other just finds most results there already.
 */
export class CaseQueue {
  readonly #run: (each: ConformanceCase) => Promise<void>
  readonly #waiting: ConformanceCase[]
  readonly #concurrency: number
  readonly #results = new Map<ConformanceCase, Promise<void>>()
  #running = 0

  constructor(
    cases: readonly ConformanceCase[],
    concurrency: number,
    run: (each: ConformanceCase) => Promise<void>,
  ) {
    this.#waiting = [...cases]
    this.#concurrency = concurrency
    this.#run = run
  }

  /** The result of a case. A case that is asked for before its turn runs now. */
  resultOf(each: ConformanceCase): Promise<void> {
    const result = this.#results.get(each) ?? this.#start(each)
    this.#startNext()
    return result
  }

  #startNext(): void {
    while (this.#running < this.#concurrency) {
      const next = this.#waiting[0]
      if (!next) return
      void this.#start(next)
    }
  }

  #start(each: ConformanceCase): Promise<void> {
    const index = this.#waiting.indexOf(each)
    if (index >= 0) this.#waiting.splice(index, 1)
    this.#running += 1
    const result = this.#run(each)
    this.#results.set(each, result)
    const ended = () => {
      this.#running -= 1
      // With one at a time a case starts when it is asked for, so that its test's duration is its own.
      if (this.#concurrency > 1) this.#startNext()
    }
    // Handled here as well: it may fail before its test asks.
    result.then(ended, ended)
    return result
  }
}
