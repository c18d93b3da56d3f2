import { BusbarError } from './error.js'
import type { BusState } from './health.js'
import type { Logger } from './logger.js'
import { doneWithin, drainWithin, leaveMs, untilAborted } from './runner.js'
import type { Runtime } from './runtime.js'
import { StartReminder } from './start-reminder.js'

export interface LifecycleSteps {
  readonly name: string
  readonly runtime: Runtime
  readonly logger: Logger
  /** Reaches the broker; `signal` aborts when the bus is closed meanwhile. */
  readonly connect: (signal: AbortSignal) => Promise<void>
  /** Joins what was subscribed before the start. */
  readonly join: () => Promise<void>
  /** Undoes a join that failed in part, so that the start can be tried again. */
  readonly leave: () => Promise<void>
  /** Stops receiving and lets what runs finish until the deadline; called once. */
  readonly drain: (deadline: AbortSignal) => Promise<void>
  /** Ends what may go on while it drains: requests, publishes; called once, after `drain`. */
  readonly finish: (deadline: AbortSignal) => Promise<void>
  /** Releases the transport, which gets nothing more to send; called once, after `finish`. */
  readonly release: () => Promise<void>
}

/** Starts once, lets a failed start be tried again, and refuses everything after the close. */
export class Lifecycle {
  readonly #steps: LifecycleSteps
  readonly #reminder: StartReminder
  readonly #closing = new AbortController()
  readonly #connected = deferred()
  readonly #ready = deferred()
  #isConnected = false
  /** Publishing need not wait any more. */
  #open = false
  #starting: Promise<void> | undefined
  #isRunning = false
  #drained: Promise<void> | undefined
  #closed: Promise<void> | undefined
  #isClosed = false

  constructor(steps: LifecycleSteps) {
    this.#steps = steps
    this.#reminder = new StartReminder(steps)
  }

  /** Whether a connection was made: what waits for one may go on. */
  get connected(): boolean {
    return this.#isConnected
  }

  /** Whether the bus was started, perhaps not to the end yet, or not to the end at all. */
  get started(): boolean {
    return this.#starting !== undefined || this.#isConnected
  }

  get state(): BusState {
    if (this.#closed) return 'closed'
    if (this.#drained) return 'draining'
    if (this.#isRunning) return 'running'
    return this.started ? 'starting' : 'new'
  }

  /** Resolves when a start has succeeded; rejects when the bus is closed before. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  start(): Promise<void> {
    this.refuseIfClosing('start')
    this.#reminder.end()
    this.#starting ??= this.#start().catch(thrown => {
      this.#starting = undefined
      throw thrown
    })
    return this.#starting
  }

  /** Stops receiving; sending goes on until the close. */
  drain(timeoutMs: number): Promise<void> {
    this.#reminder.end()
    this.#drained ??= drainWithin(this.#steps, timeoutMs, `bus ${this.#steps.name}`, deadline =>
      this.#drain(deadline),
    )
    return this.#drained
  }

  close(timeoutMs: number): Promise<void> {
    this.#reminder.end()
    this.#closed ??= this.#close(timeoutMs)
    return this.#closed
  }

  /**
   * Undefined when records can be sent now, else a promise of it. `what`: the name of what is to be sent.
   * @throws BusbarError `BUS_CLOSED`
   */
  gate = (what: string): Promise<void> | undefined => {
    if (this.#isClosed) throw this.#closedError('send anything')
    if (this.#open) return undefined
    this.#reminder.waits(what)
    return this.#connected.promise
  }

  /** @throws BusbarError `BUS_CLOSED` from the moment that `drain` or `close` was called. */
  refuseIfClosing(doing: string): void {
    if (this.#closed || this.#drained) throw this.#closedError(doing)
  }

  async #start(): Promise<void> {
    if (!this.#isConnected) {
      try {
        await this.#steps.connect(this.#closing.signal)
      } catch (thrown) {
        throw this.#closing.signal.aborted ? this.#closedError('start', thrown) : thrown
      }
      this.refuseIfClosing('start')
      this.#isConnected = true
      this.#connected.resolve()
      // Later, so that publishes that waited are sent before those that need not.
      this.#steps.runtime.defer(() => {
        this.#open = true
      })
    }
    try {
      this.refuseIfClosing('start')
      await this.#steps.join()
      // It may have been drained meanwhile, and must hold no partition then.
      this.refuseIfClosing('start')
    } catch (thrown) {
      await this.#steps.leave()
      throw thrown
    }
    this.#isRunning = true
    this.#ready.resolve()
  }

  async #drain(deadline: AbortSignal): Promise<void> {
    const starting = this.#starting?.catch(() => {})
    this.#closing.abort(this.#closedError('go on starting'))
    // Handlers and requests end also when the connection never comes or fails.
    if (starting) await untilAborted(starting, deadline)
    await this.#steps.drain(deadline)
  }

  async #close(timeoutMs: number): Promise<void> {
    const { name, runtime, logger, finish, release } = this.#steps
    try {
      await drainWithin(this.#steps, timeoutMs, `bus ${name}`, async deadline => {
        if (this.#drained) await untilAborted(this.#drained, deadline)
        else await this.#drain(deadline)
        await finish(deadline)
      })
    } finally {
      this.#isClosed = true
      this.#connected.reject(this.#closedError('send anything'))
      this.#ready.reject(this.#closedError('become ready'))
      const isReleased = await doneWithin(runtime, leaveMs, release())
      if (!isReleased)
        logger.error(`bus ${name} did not release its transport within ${leaveMs} ms: it was given up`)
    }
  }

  #closedError(doing: string, cause?: unknown): BusbarError {
    const options = cause === undefined ? {} : { cause }
    return new BusbarError('BUS_CLOSED', `bus ${this.#steps.name} cannot ${doing}: it is closed`, options)
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
