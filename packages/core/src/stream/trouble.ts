import { BusbarError } from '../error.js'
import type { Logger } from '../logger.js'
import { type Runtime, sleep } from '../runtime.js'

export interface TroubleOptions {
  readonly group: string
  readonly partition: number
  readonly runtime: Runtime
  readonly logger: Logger
  /** What keeps a partition from going on, and that it goes on again. */
  readonly onTrouble: (reason: string | undefined) => void
  /** Aborts when the ownership ends. */
  readonly ended: AbortSignal
}

const retryMs = 200
const maxRetryMs = 10_000

/** What keeps one partition from going on: tells of it, and waits longer each time. */
export class Trouble {
  readonly #options: TroubleOptions

  constructor(options: TroubleOptions) {
    this.#options = options
  }

  /** Does something until it succeeds; undefined when the ownership ends before. */
  async persist<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { ended } = this.#options
    for (let attempt = 1; !ended.aborted; attempt += 1) {
      try {
        return await work()
      } catch (thrown) {
        if (ended.aborted) return undefined
        this.tell(thrown)
        await this.pause(attempt, ended)
      }
    }
    return undefined
  }

  tell(thrown: unknown, who = 'an operator of a stream'): void {
    const { partition, group, logger, onTrouble } = this.#options
    const error = BusbarError.from(thrown, 'HANDLER_FAILED', `${who} failed`)
    onTrouble(error.message)
    logger.warn({ err: thrown, code: error.code, group, partition }, 'a stream is held up')
  }

  over(): void {
    this.#options.onTrouble(undefined)
  }

  /** Waits after a failed attempt, until the signal aborts at most. */
  async pause(attempt: number, signal: AbortSignal): Promise<void> {
    const delayMs = Math.min(maxRetryMs, retryMs * 2 ** Math.min(attempt - 1, 20))
    await sleep(this.#options.runtime, delayMs, signal).catch(() => {})
  }
}
