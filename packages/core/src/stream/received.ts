import type { EventContext } from '../context.js'
import type { AnyEvent, EventPayload } from '../event.js'

/** An event out of a stream of several: tells which one it is. */
export class Received<E extends AnyEvent> {
  /** The definition of the event that came. */
  readonly event: E
  readonly payload: EventPayload<E>
  readonly context: EventContext<EventPayload<E>>

  constructor(event: E, context: EventContext<EventPayload<E>>) {
    this.event = event
    this.payload = context.payload
    this.context = context
  }

  /** Whether it is this event; its payload then has that event's type. */
  is<T extends E>(event: T): this is Received<T> {
    return this.event === (event as AnyEvent)
  }
}
