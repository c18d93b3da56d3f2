import { type Json, pick, withDefault } from './random-schemas.js'

type Random = () => number
type Fields = readonly (Record<string, unknown> & { readonly name: string; readonly type: Json })[]

const widened: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'double'],
  long: ['float', 'int'],
  float: ['double', 'long'],
  double: ['float'],
  string: ['bytes', 'int'],
  bytes: ['string'],
  boolean: ['null'],
  null: ['int'],
}

/**
 * Another version of a schema: a few of its types and fields are changed, in ways that may be compatible or not. What
 * comes out may be no schema at all, for example when the declaration of a type goes and a reference stays.
 *
 * @param moves whether types may get another namespace.
 */
export function evolve(schema: Json, random: Random, moves: boolean): Json {
  return new Evolution(random, moves).type(schema)
}

class Evolution {
  readonly #random: Random
  readonly #moves: boolean
  readonly #renamed = new Map<string, string>()

  constructor(random: Random, moves: boolean) {
    this.#random = random
    this.#moves = moves
  }

  type(type: Json): Json {
    if (typeof type === 'string') return this.#text(type)
    if (Array.isArray(type)) return this.#union(type)
    if (this.#happens(0.03)) return ['null', this.#declaration(type as Record<string, unknown>)]
    return this.#declaration(type as Record<string, unknown>)
  }

  #text(type: string): Json {
    const others = widened[type]
    if (others === undefined) return this.#renamed.get(type) ?? type
    if (this.#happens(0.04)) return ['null', type]
    return this.#happens(0.06) ? pick(this.#random, others) : type
  }

  #union(branches: readonly Json[]): Json {
    const kept = branches.filter(() => !this.#happens(0.04)).map(branch => this.type(branch))
    if (this.#happens(0.08)) kept.push(pick(this.#random, ['boolean', 'long', 'string', 'bytes']))
    if (this.#happens(0.1)) kept.reverse()
    return kept.flat() as Json
  }

  #declaration(declared: Record<string, unknown>): Json {
    switch (declared['type']) {
      case 'array':
        return { ...declared, items: this.type(declared['items'] as Json) }
      case 'map':
        return { ...declared, values: this.type(declared['values'] as Json) }
      case 'fixed':
        return { ...declared, ...this.#named(declared), ...(this.#happens(0.05) ? { size: 4 } : {}) }
      case 'enum':
        return { ...declared, ...this.#named(declared), ...this.#symbols(declared['symbols'] as string[]) }
      default: {
        const names = this.#named(declared)
        return { ...declared, ...names, fields: this.#fields(declared['fields'] as Fields) }
      }
    }
  }

  /** The same name, another, one with an alias, or the same in another namespace. */
  #named(declared: Record<string, unknown>): Record<string, unknown> {
    const name = declared['name'] as string
    if (!this.#happens(0.08)) return {}
    const to = this.#moves && this.#happens(0.5) ? name.replace('shop', 'moved') : `${name}New`
    this.#renamed.set(name, to)
    return this.#happens(0.7) ? { name: to, aliases: [name] } : { name: to }
  }

  #symbols(symbols: readonly string[]): Record<string, unknown> {
    let changed = [...symbols]
    if (this.#happens(0.1)) changed.push('NEW')
    if (this.#happens(0.1) && changed.length > 1) changed = changed.slice(1)
    return { symbols: changed, ...(this.#happens(0.2) ? { default: changed[0] } : {}) }
  }

  #fields(fields: Fields): Json[] {
    const changed: Json[] = []
    for (const { name, type, ...rest } of fields) {
      if (this.#happens(0.05)) continue
      const to = this.#happens(0.06) ? `new_${name}` : name
      const aliases = to !== name && this.#happens(0.7) ? { aliases: [name] } : {}
      const changedType = this.type(type)
      // Java allows a union the default of any branch, and then cannot use that of an array or a map behind another.
      const isLost = Array.isArray(changedType) && typeof rest['default'] === 'object'
      // The default may not fit any longer: then this is no schema.
      const others = isLost || this.#happens(0.1) ? {} : rest
      changed.push({ name: to, ...aliases, type: changedType, ...others })
    }
    if (this.#happens(0.15)) {
      const type = pick(this.#random, [
        'int',
        'string',
        ['null', 'long'],
        { type: 'array', items: 'int' },
      ] as Json[])
      changed.push(withDefault(this.#random, { name: 'added', type }))
    }
    if (this.#happens(0.2)) changed.reverse()
    return changed
  }

  #happens(chance: number): boolean {
    return this.#random() < chance
  }
}
