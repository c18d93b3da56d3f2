import { doneWithin } from './runner.js'
import type { Runtime } from './runtime.js'

/** A question without an answer for so long, in milliseconds, is taken for lost. */
const lostAfterMs = 10_000

/**
 * Something that is asked again and again, once at a time: whoever is away must not find a queue of questions when it is back. Whoever
 * asks meanwhile waits for the same answer; one that is lost is asked anew.
 */
export class Question<Answer> {
  readonly #runtime: Runtime
  readonly #ask: () => Promise<Answer>
  #asked: { readonly answer: Promise<Answer>; readonly sinceMs: number } | undefined

  constructor(runtime: Runtime, ask: () => Promise<Answer>) {
    this.#runtime = runtime
    this.#ask = ask
  }

  /** The answer; undefined when there is none within `timeoutMs`. Rejects as the asking does. */
  async answer(timeoutMs: number): Promise<{ readonly value: Answer } | undefined> {
    let found: { readonly value: Answer } | undefined
    const answering = this.#answer().then(value => {
      found = { value }
    })
    return (await doneWithin(this.#runtime, timeoutMs, answering)) ? found : undefined
  }

  #answer(): Promise<Answer> {
    const nowMs = this.#runtime.now()
    // Negative where the clock was set back: how long it has been asked is not known then.
    const ageMs = nowMs - (this.#asked?.sinceMs ?? 0)
    if (this.#asked && ageMs >= 0 && ageMs <= lostAfterMs) return this.#asked.answer
    const asked = { answer: this.#ask(), sinceMs: nowMs }
    const answered = () => {
      if (this.#asked === asked) this.#asked = undefined
    }
    asked.answer.then(answered, answered)
    this.#asked = asked
    return asked.answer
  }
}
