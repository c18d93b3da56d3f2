import type { Logger } from './logger.js'
import type { Runtime, Timer } from './runtime.js'

export interface StartReminderOptions {
  /** The bus's. */
  readonly name: string
  readonly runtime: Runtime
  readonly logger: Logger
}

/** Publishes may come a while before the start; after so long, in milliseconds, somebody has forgotten it. */
const patienceMs = 5_000

/** Says once that something waits for a start that nobody has called. There is no timer while nothing waits. */
export class StartReminder {
  readonly #options: StartReminderOptions
  #waiting = 0
  #timer: Timer | undefined
  #isOver = false

  constructor(options: StartReminderOptions) {
    this.#options = options
  }

  /** Something is to be sent that can't be before the start; `what`: the name of its contract or topic. */
  waits(what: string): void {
    if (this.#isOver) return
    this.#waiting += 1
    // One timer, and one warning. It keeps a process that has nothing else to do from ending without a word.
    this.#timer ??= this.#options.runtime.setTimer(patienceMs, () => this.#say(what))
  }

  /** The start was called, or never will be. */
  end(): void {
    this.#isOver = true
    this.#timer?.cancel()
  }

  #say(first: string): void {
    const { name, logger } = this.#options
    logger.warn(
      { waiting: this.#waiting, first },
      `bus ${name} has not been started for ${patienceMs / 1_000} s, and what is published waits for that (first: ${first}): call bus.start()`,
    )
  }
}
