import { BusbarError } from '../error.js'
import type { AnyEvent, EventDefinition, EventInput } from '../event.js'
import type { EncodeOptions } from '../publish.js'

/** How an output of a pipe is published. Its id follows from the record that it came from. */
export type OutputOptions = Omit<EncodeOptions, 'id'>

/** An output of a pipe that has several targets: made by {@link to}. */
export class Output<E extends AnyEvent> {
  readonly event: E
  readonly payload: EventInput<E>
  readonly options: OutputOptions

  /** Use {@link to}. */
  constructor(event: E, payload: EventInput<E>, options: OutputOptions) {
    this.event = event
    this.payload = payload
    this.options = options
  }
}

/** An event for one of the targets of a pipe. */
export function to<Out, In>(
  event: EventDefinition<Out, In>,
  payload: NoInfer<In>,
  options: OutputOptions = {},
): Output<EventDefinition<Out, In>> {
  return new Output(event, payload, options)
}

/** What a pipeline emitted, as an output to one of the targets of its pipe. */
export function outputFor(emitted: unknown, target: AnyEvent | readonly AnyEvent[]): Output<AnyEvent> {
  if (!isList(target)) return new Output(target, emitted as never, {})
  const output = emitted instanceof Output ? (emitted as Output<AnyEvent>) : undefined
  if (output && target.includes(output.event)) return output
  const names = target.map(({ name }) => name).join(', ')
  const got = output ? output.event.name : 'something that to() has not made'
  throw new BusbarError(
    'CONFIG_INVALID',
    `a pipe to ${names} emitted ${got}: emit to(event, payload) for one of these`,
  )
}

export function isList(target: AnyEvent | readonly AnyEvent[]): target is readonly AnyEvent[] {
  return Array.isArray(target)
}
