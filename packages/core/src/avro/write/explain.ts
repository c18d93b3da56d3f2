import { reasonOf } from '../../error.js'
import { expectedOf, isObject, isRaw, kindOf, wrappedBranch } from '../raw-values.js'
import type { BoundConversion, Shape, UnionShape } from '../shape.js'
import { choose } from './union-choice.js'

const mostProblems = 10

/** What is wrong with a payload: `address.zip: missing; age: expected int, got string`. Never holds a value of it. */
export function explain(shape: Shape, payload: unknown): string | undefined {
  const search = new Search()
  try {
    search.look(shape, payload, [])
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    search.problems.push('nested too deep, or contains itself')
  }
  if (search.problems.length === 0) return undefined
  const shown = search.problems.slice(0, mostProblems).join('; ')
  return search.isOver ? `${shown}; and more` : shown
}

class Search {
  readonly problems: string[] = []

  /** A payload that is wrong all over need not be looked at to its end. */
  get isOver(): boolean {
    return this.problems.length > mostProblems
  }

  look(shape: Shape, value: unknown, path: readonly string[]): void {
    if (this.isOver) return
    if (value === undefined) this.#note(path, 'missing')
    else if (shape.conversion) this.#converted(shape, shape.conversion, value, path)
    else if (isRaw(shape, value)) this.#inside(shape, value, path)
    else this.#unexpected(path, shape, value)
  }

  #converted(shape: Shape, conversion: BoundConversion, value: unknown, path: readonly string[]): void {
    let raw: unknown
    try {
      raw = conversion.toAvro(value)
    } catch (error) {
      this.#unexpected(path, shape, value, conversion.isCustom ? ` (${reasonOf(error)})` : '')
      return
    }
    const expected = expectedOf({ ...shape, conversion: undefined })
    if (isRaw(shape, raw)) this.#inside(shape, raw, path)
    else if (!conversion.isCustom) this.#unexpected(path, shape, value)
    else this.#note(path, `its conversion gave ${kindOf(raw)}, expected ${expected}`)
  }

  #inside(shape: Shape, value: unknown, path: readonly string[]): void {
    if (shape.kind === 'record') {
      for (const field of shape.fields) {
        const own = fieldOf(value as object, field.name)
        if (own !== undefined || !field.default) this.look(field.shape, own, [...path, field.name])
      }
    } else if (shape.kind === 'array') {
      for (const [index, item] of (value as readonly unknown[]).entries()) {
        if (this.isOver) return
        this.look(shape.items, item, [...path, String(index)])
      }
    } else if (shape.kind === 'map') {
      for (const [key, each] of Object.entries(value as object)) {
        if (this.isOver) return
        if (key.isWellFormed()) this.look(shape.values, each, [...path, key])
        else this.#note(path, 'a key has an unpaired surrogate')
      }
    } else if (shape.kind === 'union') this.#branch(shape, value, path)
  }

  #branch(union: UnionShape, value: unknown, path: readonly string[]): void {
    const branch = union.isWrapped ? wrappedBranch(union.branches, value) : chosen(union.branches, value)
    const meant = branch && union.branches[branch.index]
    if (!meant) this.#unexpected(path, union, value)
    else this.look(meant, branch.value, union.isWrapped && value !== null ? [...path, meant.name] : path)
  }

  #unexpected(path: readonly string[], shape: Shape, value: unknown, why = ''): void {
    this.#note(path, `expected ${expectedOf(shape)}, got ${kindOf(value)}${why}`)
  }

  #note(path: readonly string[], text: string): void {
    this.problems.push(path.length > 0 ? `${path.join('.')}: ${text}` : text)
  }
}

function chosen(
  branches: readonly Shape[],
  value: unknown,
): { readonly index: number; readonly value: unknown } | undefined {
  const index = choose(branches, value)
  if (index !== undefined) return { index, value }
  // With one branch beside null that is the one that is meant: what it says is more precise.
  const others = branches.filter(({ kind }) => kind !== 'null')
  const [only] = others
  return only && others.length === 1 ? { index: branches.indexOf(only), value } : undefined
}

/** A field of a payload. What every object inherits is none, whatever its name. */
function fieldOf(value: object, name: string): unknown {
  if (name in Object.prototype && !Object.hasOwn(value, name)) return undefined
  return isObject(value) ? value[name] : undefined
}
