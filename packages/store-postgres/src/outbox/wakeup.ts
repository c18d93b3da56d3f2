import type { Runtime } from '@busbar/core'

/** Sleep that can be ended; a wake-up that nobody slept through ends the next sleep. */
export class Wakeup {
  readonly #runtime: Runtime
  #awake = false
  #rouse: (() => void) | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  wake(): void {
    this.#awake = true
    this.#rouse?.()
  }

  async sleep(ms: number): Promise<void> {
    if (!this.#awake) {
      await new Promise<void>(resolve => {
        const timer = this.#runtime.setTimer(ms, resolve)
        this.#rouse = () => {
          timer.cancel()
          resolve()
        }
      })
      this.#rouse = undefined
    }
    this.#awake = false
  }
}
