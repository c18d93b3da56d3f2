import type { Runtime } from '../runtime.js'

/** How far the state of one partition number has come back from its changelogs. */
export class Restoration {
  readonly #runtime: Pick<Runtime, 'now'>
  #isUnderWay = true
  #hasBegun = false
  #progressMs: number

  constructor(runtime: Pick<Runtime, 'now'>) {
    this.#runtime = runtime
    this.#progressMs = runtime.now()
  }

  /** Whether no record can be processed, since the state is not what it was when the last one was committed. */
  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  /** Whether changelogs are read; else the ownership before this one, which has the stores, is not over. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** When it began or went on the last time, in milliseconds since the epoch. */
  get progressMs(): number {
    return this.#progressMs
  }

  begin(): void {
    this.#isUnderWay = true
    this.#hasBegun = true
    this.wentOn()
  }

  wentOn(): void {
    this.#progressMs = this.#runtime.now()
  }

  end(): void {
    this.#isUnderWay = false
    this.wentOn()
  }
}
