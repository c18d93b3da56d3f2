import { reasonOf } from '../error.js'

/** What a test bus reports: it names the seed that repeats the run. */
export class TestBusError extends Error {
  override readonly name = 'TestBusError'
  readonly seed: number
  /** All failures, where there are several; the first is also the `cause`. */
  readonly errors: readonly unknown[]

  constructor(seed: number, message: string, errors: readonly unknown[] = []) {
    const again = `again with testBus({ seed: ${seed} }) or BUSBAR_SEED=${seed}`
    super(`seed ${seed}: ${message} (${again})`, errors.length > 0 ? { cause: errors[0] } : undefined)
    this.seed = seed
    this.errors = errors
  }

  /** A failure as it is where it names its seed, else wrapped. */
  static from(seed: number, thrown: unknown): TestBusError {
    return thrown instanceof TestBusError ? thrown : new TestBusError(seed, reasonOf(thrown), [thrown])
  }
}
