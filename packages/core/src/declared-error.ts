import {
  type AnySchema,
  type Codec,
  codecOf,
  type Schema,
  type SchemaInput,
  type SchemaOutput,
} from './codec.js'
import { BusbarError } from './error.js'
import { requireName } from './event.js'

/**
 * An error that a request declares. A responder throws it, a requester catches the same class with the same data.
 * Its code is `DECLARED`.
 */
export abstract class DeclaredError<Data = unknown> extends BusbarError {
  override readonly name: string
  // No property of its own: loggers write those of an error, and a payload must not be in a log.
  readonly #data: Data

  constructor(name: string, data: Data, message: string) {
    super('DECLARED', message)
    this.name = name
    this.#data = data
  }

  get data(): Data {
    return this.#data
  }
}

/** The class of a declared error: throw `new NotFound(data)`, catch with `instanceof NotFound`. */
export interface DeclaredErrorClass<In = never, Out = unknown> {
  new (data: In, message?: string): DeclaredError<Out>
  /** What it is called on the wire. */
  readonly errorName: string
  readonly codec: Codec<In, Out>
}

/**
 * Declares an error that replies may carry.
 *
 * @param name what it is called on the wire and in logs, for example `NotFound`.
 */
export function defineError<S extends AnySchema>(
  name: string,
  options: { readonly data: S },
): DeclaredErrorClass<SchemaInput<S>, SchemaOutput<S>>
/** Declares an error whose data is typed by the type argument, not validated. */
export function defineError<Data = undefined>(name: string): DeclaredErrorClass<Data, Data>
export function defineError<In, Out>(
  name: string,
  options: { readonly data?: Schema<In, Out> } = {},
): DeclaredErrorClass<In, Out> {
  requireName('defineError', name)
  return class extends DeclaredError<Out> {
    // What loggers call the type of an error.
    static override readonly name = name
    static readonly errorName = name
    static readonly codec = codecOf(options.data)

    constructor(data: In, message: string = name) {
      // A thrower holds what a publisher would give, a catcher what a handler would get: for both it is "the data".
      super(name, data as unknown as Out, message)
    }
  }
}
