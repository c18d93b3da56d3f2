import type { Bus } from '../bus.js'
import { doneWithin } from '../runner.js'
import { systemRuntime } from '../runtime.js'

/**
 * How a bus ends together with the server before it, and how the time for that is shared out: {@link drain}, then the server
 * takes no more connections and its requests have {@link requestsMs}, then {@link finish}.
 */
export class OrderlyEnd {
  /** How long requests may take once the server takes no more connections, in milliseconds. */
  readonly requestsMs: number
  readonly #bus: Bus
  readonly #handlersMs: number
  readonly #restMs: number
  #drained: Promise<unknown> | undefined

  constructor(bus: Bus, timeoutMs: number) {
    this.#bus = bus
    this.#handlersMs = timeoutMs * 0.8
    this.requestsMs = this.#handlersMs / 2
    this.#restMs = timeoutMs - this.#handlersMs
  }

  /** Stops receiving; resolves when handlers have finished, or when requests need what is left of their time. */
  async drain(): Promise<void> {
    const drained = this.#bus.drain({ timeoutMs: this.#handlersMs })
    this.#drained = doneWithin(systemRuntime, this.#handlersMs, drained)
    // A handler that hangs must not take the requests' time.
    await doneWithin(systemRuntime, this.#handlersMs - this.requestsMs, drained)
  }

  /** Closes the bus, when its handlers have finished or had their time. The rest is for what was published last. */
  async finish(): Promise<void> {
    await this.#drained
    await this.#bus.close({ timeoutMs: this.#restMs })
  }
}
