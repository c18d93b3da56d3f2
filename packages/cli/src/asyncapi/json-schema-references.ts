import type { Json } from '../contracts/contract.js'

const one = [
  'additionalItems',
  'additionalProperties',
  'contains',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]
const several = ['allOf', 'anyOf', 'items', 'oneOf', 'prefixItems']
const byName = ['$defs', 'definitions', 'dependencies', 'dependentSchemas', 'patternProperties', 'properties']

/**
 * A JSON Schema as part of a larger document: what referred to its root refers to where it stands there, for example
 * `#/components/schemas/user/schema`. Undefined if it refers to something by another `$id` or an anchor, for which the
 * larger document has no words, or has data that looks like a reference, which tools would follow.
 */
export function rebased(definition: unknown, root: string): unknown {
  try {
    return typeof definition === 'object' && definition !== null
      ? new Rebase(definition as Json, root).schema(definition)
      : definition
  } catch (thrown) {
    if (thrown instanceof Unreachable) return undefined
    throw thrown
  }
}

class Unreachable extends Error {}

class Rebase {
  readonly #definition: Json
  readonly #id: string | undefined
  readonly #root: string

  constructor(definition: Json, root: string) {
    const { $id } = definition
    this.#definition = definition
    this.#id = typeof $id === 'string' ? $id.replace(/#$/, '') : undefined
    this.#root = root
  }

  schema(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    // What refers from below an `$id` means what is below it.
    if (value !== this.#definition && '$id' in value && hasReference(value)) throw new Unreachable()
    const rebasedEntries = Object.entries(value)
      .filter(([keyword]) => keyword !== '$id')
      .map(([keyword, each]: [string, unknown]) => [keyword, this.#keyword(keyword, each)] as const)
    return Object.fromEntries(rebasedEntries)
  }

  #keyword(keyword: string, value: unknown): unknown {
    if (keyword === '$ref' && typeof value === 'string') return this.#reference(value)
    if (keyword === '$dynamicRef' || keyword === '$recursiveRef') throw new Unreachable()
    if (several.includes(keyword) && Array.isArray(value)) return value.map(each => this.schema(each))
    if (one.includes(keyword)) return this.schema(value)
    if (byName.includes(keyword) && typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([name, each]: [string, unknown]) => [name, this.schema(each)]),
      )
    }
    if (hasReference(value)) throw new Unreachable()
    return value
  }

  #reference(given: string): string {
    const [address = '', fragment = ''] = given.split('#')
    const isHere = address === '' || address === this.#id
    if (isHere && (fragment === '' || fragment.startsWith('/'))) return this.#root + fragment
    throw new Unreachable()
  }
}

/** Whether tools that look for `$ref` wherever it stands would find one. */
export function hasReference(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([key, each]: [string, unknown]) => (key === '$ref' && typeof each === 'string') || hasReference(each),
  )
}
