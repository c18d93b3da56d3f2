import { Observable, type Subscriber } from 'rxjs'
import { BusbarError } from '../error.js'

/** Takes part in a group until it is closed. */
interface Opened {
  close(): Promise<void>
}

/** What is emitted at the moment, and what became of it meanwhile. */
interface Emission {
  error: { readonly thrown: unknown } | undefined
  completed: boolean
}

/**
 * Hands the values of a subscription to one subscriber, and tells for each whether the subscriber got through with it.
 * RxJS has no way back from a subscriber to its source; what a value led to is noticed here because all of it happens
 * while the value is being emitted.
 */
export class Feed<T> {
  /** Opens the subscription when it is subscribed to, and closes it when that ends. */
  readonly source: Observable<T>
  readonly #name: string
  readonly #open: (feed: Feed<T>) => Opened
  #opened: Opened | undefined
  #sink: Subscriber<T> | undefined
  #emission: Emission | undefined
  #isRestarting = false
  #closing: Promise<void> = Promise.resolve()

  constructor(name: string, open: (feed: Feed<T>) => Opened) {
    this.#name = name
    this.#open = open
    this.source = new Observable(subscriber => this.#attach(subscriber))
  }

  /** Resolves when the last subscription was closed: what it ran has finished, and its positions are committed. */
  get closed(): Promise<void> {
    return this.#closing
  }

  /**
   * Emits one value. True when the subscriber is through with it, false when there is no subscriber any more.
   * @throws what an operator or the subscriber threw.
   */
  emit(value: T): boolean {
    const sink = this.#sink
    if (!sink || sink.closed) return false
    const outer = this.#emission
    const emission: Emission = { error: undefined, completed: false }
    this.#emission = emission
    try {
      sink.next(value)
    } finally {
      this.#emission = outer
    }
    if (emission.error) throw emission.error.thrown
    // Whoever unsubscribes while a value comes may have failed at it; whoever completes is content.
    return !sink.closed || emission.completed
  }

  /** Notes what the value that is being emitted led to; false when none is. */
  fail(thrown: unknown): boolean {
    if (!this.#emission) return false
    this.#emission.error ??= { thrown }
    return true
  }

  /** Notes that the operators have had enough, as `take` has. */
  complete(): void {
    if (this.#emission) this.#emission.completed = true
  }

  /** Lets a subscriber take the place of the one that just failed, without leaving the group. */
  restart(subscribe: () => void): void {
    const before = this.#isRestarting
    this.#isRestarting = true
    try {
      subscribe()
    } finally {
      this.#isRestarting = before
    }
  }

  /** The subscription was ended from outside: nothing more comes. */
  end(): void {
    this.#opened = undefined
    this.#sink?.complete()
  }

  #attach(subscriber: Subscriber<T>): () => void {
    if (!this.#opened) {
      this.#opened = this.#open(this)
    } else if (!this.#isRestarting) {
      throw new BusbarError(
        'CONFIG_INVALID',
        `the stream of ${this.#name} has a subscriber already: share() it, or make another with a name of its own`,
      )
    }
    this.#sink = subscriber
    return () => this.#detach(subscriber)
  }

  #detach(subscriber: Subscriber<T>): void {
    if (this.#sink !== subscriber) return
    this.#sink = undefined
    const opened = this.#opened
    this.#opened = undefined
    if (!opened) return
    this.#closing = opened.close()
    // For whoever looks at it; for others leaving has no result, and must not end the process.
    this.#closing.catch(() => {})
  }
}
