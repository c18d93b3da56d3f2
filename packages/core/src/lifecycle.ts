import { BusbarError } from './error.js'
import type { Runtime } from './runtime.js'

export interface LifecycleSteps {
  readonly name: string
  readonly runtime: Runtime
  /** Reaches the broker; `signal` aborts when the bus is closed meanwhile. */
  readonly connect: (signal: AbortSignal) => Promise<void>
  /** Joins what was subscribed before the start. */
  readonly join: () => Promise<void>
  /** Undoes a join that failed in part, so that the start can be tried again. */
  readonly leave: () => Promise<void>
  /** Drains and releases everything; called once. */
  readonly close: (timeoutMs: number) => Promise<void>
}

/** Starts once, lets a failed start be tried again, and refuses everything after the close. */
export class Lifecycle {
  readonly #steps: LifecycleSteps
  readonly #closing = new AbortController()
  readonly #connected = deferred()
  readonly #ready = deferred()
  #isConnected = false
  /** Publishing need not wait any more. */
  #open = false
  #starting: Promise<void> | undefined
  #closed: Promise<void> | undefined
  #isClosed = false

  constructor(steps: LifecycleSteps) {
    this.#steps = steps
  }

  /** Whether the bus was started, perhaps not to the end yet. */
  get started(): boolean {
    return this.#starting !== undefined
  }

  /** Resolves when a start has succeeded; rejects when the bus is closed before. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  start(): Promise<void> {
    this.refuseIfClosing('start')
    this.#starting ??= this.#start().catch(thrown => {
      this.#starting = undefined
      throw thrown
    })
    return this.#starting
  }

  close(timeoutMs: number): Promise<void> {
    this.#closed ??= this.#close(timeoutMs)
    return this.#closed
  }

  /**
   * Undefined when records can be sent now, else a promise of it.
   * @throws BusbarError `BUS_CLOSED`
   */
  gate = (): Promise<void> | undefined => {
    if (this.#isClosed) throw this.#closedError('send anything')
    return this.#open ? undefined : this.#connected.promise
  }

  /** @throws BusbarError `BUS_CLOSED` from the moment that `close` was called. */
  refuseIfClosing(doing: string): void {
    if (this.#closed) throw this.#closedError(doing)
  }

  async #start(): Promise<void> {
    if (!this.#isConnected) {
      await this.#steps.connect(this.#closing.signal)
      this.#isConnected = true
      this.#connected.resolve()
      // Later, so that publishes that waited are sent before those that need not.
      this.#steps.runtime.defer(() => {
        this.#open = true
      })
    }
    try {
      await this.#steps.join()
    } catch (thrown) {
      await this.#steps.leave()
      throw thrown
    }
    this.#ready.resolve()
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#closing.abort(this.#closedError('go on starting'))
    await this.#starting?.catch(() => {})
    await this.#steps.close(timeoutMs)
    this.#isClosed = true
    this.#connected.reject(this.#closedError('send anything'))
    this.#ready.reject(this.#closedError('become ready'))
  }

  #closedError(doing: string): BusbarError {
    return new BusbarError('BUS_CLOSED', `bus ${this.#steps.name} cannot ${doing}: it is closed`)
  }
}

interface Deferred {
  readonly promise: Promise<void>
  resolve(): void
  reject(reason: unknown): void
}

function deferred(): Deferred {
  let resolve = () => {}
  let reject = (_reason: unknown) => {}
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // Nobody may be waiting when it rejects; whoever is gets the rejection all the same.
  promise.catch(() => {})
  return { promise, resolve, reject }
}
