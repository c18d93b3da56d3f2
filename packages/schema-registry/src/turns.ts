/** Lets only so much work run at a time; the rest waits for its turn, in order. */
export class Turns {
  readonly #most: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(most: number) {
    this.#most = most
  }

  /** `work` is told whether it had to wait. */
  async take<T>(work: (waited: boolean) => Promise<T>): Promise<T> {
    const waited = this.#running >= this.#most
    if (waited) await new Promise<void>(resolve => this.#waiting.push(resolve))
    else this.#running += 1
    try {
      return await work(waited)
    } finally {
      const next = this.#waiting.shift()
      // Its turn goes on to the next, so that nobody comes in between.
      if (next) next()
      else this.#running -= 1
    }
  }
}
