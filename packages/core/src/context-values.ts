/** A typed place for a value that middleware hands to what runs inside it. */
export interface ContextKey<T> {
  readonly id: symbol
  readonly defaultValue: T
}

/** Makes a key; `defaultValue` is what reads give until a value is set. */
export function createContextKey<T>(description: string, defaultValue: T): ContextKey<T> {
  return { id: Symbol(description), defaultValue }
}

/** The values of one delivery or publish, by key. */
export class ContextValues {
  #values: Map<symbol, unknown> | undefined

  get<T>(key: ContextKey<T>): T {
    return this.#values?.has(key.id) ? (this.#values.get(key.id) as T) : key.defaultValue
  }

  set<T>(key: ContextKey<T>, value: T): this {
    this.#values ??= new Map()
    this.#values.set(key.id, value)
    return this
  }
}
