/** A promise that is settled from outside, once. Nobody has to look at its rejection. */
export class Settled {
  readonly promise: Promise<void>
  #resolve: () => void = () => {}
  #reject: (reason: unknown) => void = () => {}

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.promise.catch(() => {})
  }

  resolve(): void {
    this.#resolve()
  }

  reject(reason: unknown): void {
    this.#reject(reason)
  }
}
