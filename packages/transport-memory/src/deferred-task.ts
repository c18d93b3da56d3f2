import type { Runtime } from '@busbar/core'

/** Work that is done once in a later turn, however often it was asked for until then. */
export class DeferredTask {
  readonly #runtime: Runtime
  readonly #run: () => void
  #scheduled = false

  constructor(runtime: Runtime, run: () => void) {
    this.#runtime = runtime
    this.#run = run
  }

  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#runtime.defer(() => {
      this.#scheduled = false
      this.#run()
    })
  }
}
