import type { CloseOptions, Handler, Subscription } from '../bus.js'
import type { SubscribeOptions } from '../bus-options.js'
import { BusbarError } from '../error.js'
import type { AnyEvent } from '../event.js'
import { Received } from './received.js'
import type { OpenStream } from './stream-source.js'

type Subscribe = (event: AnyEvent, options: SubscribeOptions, handler: Handler<unknown>) => Subscription

/** The streams of a bus that have a subscriber. */
export class Streams {
  readonly #subscribe: Subscribe
  readonly #ends = new Set<() => void>()

  constructor(subscribe: Subscribe) {
    this.#subscribe = subscribe
  }

  /** How a stream of one event subscribes. */
  ofEvent(event: AnyEvent, options: SubscribeOptions): OpenStream<unknown> {
    return (handle, onEnd) => {
      const subscription = this.#subscribe(event, options, handle)
      return this.#open([subscription], onEnd)
    }
  }

  /** How a stream of several subscribes: once for each, in the same group. */
  ofEvents(events: readonly AnyEvent[], options: SubscribeOptions): OpenStream<Received<AnyEvent>> {
    if (events.length === 0) throw new BusbarError('CONFIG_INVALID', 'stream: give at least one event')
    return (handle, onEnd) => {
      const subscriptions: Subscription[] = []
      try {
        for (const event of events) {
          const named = options.name === undefined ? {} : { name: `${options.name}/${event.name}` }
          subscriptions.push(
            this.#subscribe(event, { ...options, ...named }, (_payload, context) =>
              handle(new Received(event, context), context),
            ),
          )
        }
      } catch (thrown) {
        for (const each of subscriptions) void each.close()
        throw thrown
      }
      return this.#open(subscriptions, onEnd)
    }
  }

  /** The bus has closed: nothing more comes. */
  end(): void {
    for (const end of [...this.#ends]) end()
    this.#ends.clear()
  }

  #open(subscriptions: readonly Subscription[], onEnd: () => void) {
    this.#ends.add(onEnd)
    return {
      close: async (options?: CloseOptions) => {
        this.#ends.delete(onEnd)
        await Promise.all(subscriptions.map(each => each.close(options)))
      },
    }
  }
}
