/** A schema as JSON, whose named types are declared at their first use. */
export type Json = string | readonly Json[] | { readonly [name: string]: unknown }

type Random = () => number

interface Declared {
  readonly type: string
  readonly name: string
  readonly [name: string]: unknown
}

const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']
const symbols = ['A', 'B', 'C', 'D']

export const pick = <T>(random: Random, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)] as T

/** A schema of a few records, with all kinds of types, also recursive ones. */
export function randomSchema(random: Random): Json {
  return new Schemas(random).record(3)
}

class Schemas {
  readonly #random: Random
  readonly #declared: Declared[] = []
  readonly #open = new Set<Declared>()

  constructor(random: Random) {
    this.#random = random
  }

  record(depth: number): Json {
    const declared = { type: 'record', name: this.#name('R'), fields: [] as Json[] }
    this.#declared.push(declared)
    this.#open.add(declared)
    const count = 1 + Math.floor(this.#random() * 4)
    for (let index = 0; index < count; index++) {
      declared.fields.push(
        withDefault(this.#random, { name: `f${index}`, type: this.#type(depth - 1, true) }),
      )
    }
    this.#open.delete(declared)
    return declared
  }

  /** `isAlways`: such a value always holds one of this type, so that a record around it would have no end. */
  #type(depth: number, isAlways = false): Json {
    const kind = pick(this.#random, [
      'primitive',
      'primitive',
      'union',
      'union',
      'array',
      'map',
      'enum',
      'fixed',
      'record',
      'named',
    ])
    if (kind === 'union') return this.#union(depth)
    if (kind === 'named') return this.#reference(isAlways) ?? 'string'
    return depth > 0 ? this.#complex(kind, depth) : pick(this.#random, primitives)
  }

  #complex(kind: string, depth: number): Json {
    switch (kind) {
      case 'array':
        return { type: 'array', items: this.#type(depth - 1) }
      case 'map':
        return { type: 'map', values: this.#type(depth - 1) }
      case 'enum':
        return this.#note({
          type: 'enum',
          name: this.#name('E'),
          symbols: symbols.slice(0, 1 + Math.floor(this.#random() * 3)),
        })
      case 'fixed':
        return this.#note({ type: 'fixed', name: this.#name('F'), size: 1 + Math.floor(this.#random() * 2) })
      case 'record':
        return this.record(depth - 1)
      default:
        return pick(this.#random, primitives)
    }
  }

  #union(depth: number): Json {
    // The first is primitive, so that every value can end.
    const branches: Json[] = [this.#random() < 0.7 ? 'null' : pick(this.#random, primitives)]
    const count = 1 + Math.floor(this.#random() * 3)
    for (let index = 0; index < count; index++) {
      const branch = this.#type(depth)
      // A name twice, or two arrays, are for whoever takes the schema to refuse.
      if (!Array.isArray(branch)) branches.push(branch)
    }
    return branches
  }

  /** A type that is there already, among them the records around this place. */
  #reference(isAlways: boolean): string | undefined {
    const known = this.#declared.filter(each => !isAlways || !this.#open.has(each))
    return known.length === 0 ? undefined : pick(this.#random, known).name
  }

  #note(declared: Declared): Json {
    this.#declared.push(declared)
    return declared
  }

  #name(prefix: string): string {
    return `shop.${prefix}${this.#declared.length}`
  }
}

/** A field as it is, or with a default of its type. */
export function withDefault(random: Random, field: { readonly name: string; readonly type: Json }): Json {
  const value = random() < 0.4 ? defaultOf(field.type) : undefined
  return value === undefined ? field : { ...field, default: value }
}

function defaultOf(type: Json): unknown {
  if (Array.isArray(type)) return type[0] === undefined ? undefined : defaultOf(type[0] as Json)
  if (typeof type === 'object') {
    const declared = type as Declared
    if (declared.type === 'array') return []
    if (declared.type === 'map') return {}
    if (declared.type === 'enum') return (declared['symbols'] as string[])[0]
    return declared.type === 'fixed' ? 'x'.repeat(declared['size'] as number) : undefined
  }
  const values: Record<string, unknown> = {
    null: null,
    boolean: true,
    int: 1,
    long: 2,
    float: 3,
    double: 4,
    bytes: 'é',
    string: 's',
  }
  return values[type]
}
