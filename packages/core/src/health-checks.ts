import { reasonOf } from './error.js'
import type { HealthProblem } from './health.js'
import { Question } from './question.js'
import type { Runtime } from './runtime.js'

/** Tells what is wrong at present with something that belongs to a bus: an empty list while nothing is. */
export type HealthCheck = () => readonly HealthProblem[] | Promise<readonly HealthProblem[]>

interface Attached {
  readonly what: string
  readonly problems: Question<readonly HealthProblem[]>
  /** Since when it does not tell. */
  silentSinceMs: number | undefined
}

/** What was attached to a bus and has a health of its own. */
export class HealthChecks {
  readonly #runtime: Runtime
  readonly #attached = new Set<Attached>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  add(what: string, check: HealthCheck): () => void {
    const problems = new Question(this.#runtime, async () => [...(await check())])
    const attached: Attached = { what, problems, silentSinceMs: undefined }
    this.#attached.add(attached)
    return () => void this.#attached.delete(attached)
  }

  /** The problems of all; one that throws, or does not answer within `timeoutMs`, is a problem itself. Never rejects. */
  async look(timeoutMs: number): Promise<readonly HealthProblem[]> {
    const problems = await Promise.all(Array.from(this.#attached, each => this.#lookAt(each, timeoutMs)))
    return problems.flat()
  }

  async #lookAt(attached: Attached, timeoutMs: number): Promise<readonly HealthProblem[]> {
    let reason = `it did not answer within ${timeoutMs} ms`
    try {
      const answer = await attached.problems.answer(timeoutMs)
      if (answer) {
        attached.silentSinceMs = undefined
        return answer.value
      }
    } catch (thrown) {
      reason = `its check failed: ${reasonOf(thrown)}`
    }
    attached.silentSinceMs ??= this.#runtime.now()
    return [{ kind: 'check', what: attached.what, reason, sinceMs: attached.silentSinceMs }]
  }
}
