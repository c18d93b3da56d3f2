import { Observable, type Observer, Subscriber, type Subscription } from 'rxjs'
import type { Feed } from './feed.js'

type Next<T> = (value: T) => void

/**
 * What a stream emits, seen through operators. A record is acknowledged when its emission returns. What throws in an
 * operator or in the subscriber fails the record, which follows the retry and dead-letter of the subscription, and the
 * stream lives on: operators start afresh, so that one with a memory (`scan`, `buffer`) loses it.
 *
 * That ends with the emission: what an operator does later (`delay`, `mergeMap` of a promise) happens after the
 * acknowledgement, and an error there ends the stream. For such operators give `bus.stream` a pipeline.
 */
export class EventStream<T> extends Observable<T> {
  readonly #feed: Feed<unknown>
  readonly #inner: Observable<T>

  constructor(feed: Feed<unknown>, inner: Observable<T>) {
    super()
    this.#feed = feed
    this.#inner = inner
    // Assigned, and not overridden: its many overloads stay those of RxJS.
    const pipe = inner.pipe.bind(inner) as (...operations: readonly unknown[]) => Observable<unknown>
    this.pipe = ((...operations: readonly unknown[]) =>
      new EventStream(feed, pipe(...operations))) as Observable<T>['pipe']
  }

  /** Resolves when an ended subscription has been left: what it ran has finished, and its positions are committed. */
  get closed(): Promise<void> {
    return this.#feed.closed
  }

  override subscribe(observerOrNext?: Partial<Observer<T>> | Next<T> | null): Subscription {
    return new Observable<T>(subscriber => this.#run(subscriber)).subscribe(this.#watched(observerOrNext))
  }

  #run(subscriber: Subscriber<T>): void {
    const feed = this.#feed
    const subscribe = () =>
      subscriber.add(
        this.#inner.subscribe({
          next: value => subscriber.next(value),
          error: thrown => {
            if (feed.fail(thrown)) feed.restart(subscribe)
            else subscriber.error(thrown)
          },
          complete: () => {
            feed.complete()
            subscriber.complete()
          },
        }),
      )
    subscribe()
  }

  /** RxJS reports what a subscriber's `next` throws to nobody in particular: here it is the record's failure. */
  #watched(observer: Partial<Observer<T>> | Next<T> | null | undefined): Partial<Observer<T>> {
    if (observer instanceof Subscriber) return observer
    const given = typeof observer === 'function' ? { next: observer } : (observer ?? {})
    const next = (value: T) => {
      try {
        given.next?.(value)
      } catch (thrown) {
        if (!this.#feed.fail(thrown)) throw thrown
      }
    }
    return {
      next,
      ...(given.error ? { error: thrown => given.error?.(thrown) } : {}),
      complete: () => given.complete?.(),
    }
  }
}
