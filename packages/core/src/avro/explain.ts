import { reasonOf } from '../error.js'
import { expectedOf, isObject, isRaw, kindOf, wrappedBranch } from './raw-values.js'
import type { Shape } from './shape.js'
import { choose } from './union-choice.js'

const mostProblems = 10
const deepest = 1_000

/** What is wrong with a payload: `address.zip: missing; age: expected int, got string`. Never holds a value of it. */
export function explain(shape: Shape, payload: unknown): string | undefined {
  const problems: string[] = []
  find(shape, payload, [], problem => problems.push(problem))
  if (problems.length === 0) return undefined
  const shown = problems.slice(0, mostProblems).join('; ')
  return problems.length > mostProblems ? `${shown}; and more` : shown
}

function find(
  shape: Shape,
  value: unknown,
  path: readonly string[],
  found: (problem: string) => number,
): void {
  const problem = (text: string): number => found(path.length > 0 ? `${path.join('.')}: ${text}` : text)
  if (value === undefined) return void problem('missing')
  if (path.length > deepest) return void problem(`nested deeper than ${deepest} levels`)
  let raw: unknown = value
  if (shape.conversion) {
    try {
      raw = shape.conversion.toAvro(value)
    } catch (error) {
      const why = shape.conversion.isCustom ? ` (${reasonOf(error)})` : ''
      return void problem(`expected ${expectedOf(shape)}, got ${kindOf(value)}${why}`)
    }
  }
  if (!isRaw(shape, raw)) {
    if (!shape.conversion?.isCustom)
      return void problem(`expected ${expectedOf(shape)}, got ${kindOf(value)}`)
    const expected = expectedOf({ ...shape, conversion: undefined })
    return void problem(`its conversion gave ${kindOf(raw)}, expected ${expected}`)
  }
  inside(shape, raw, path, found, problem)
}

function inside(
  shape: Shape,
  value: unknown,
  path: readonly string[],
  found: (problem: string) => number,
  problem: (text: string) => number,
): void {
  // A payload that is wrong all over need not be looked at to its end: ten problems are shown.
  const deeper = (child: Shape, childValue: unknown, name: string): boolean => {
    let count = 0
    find(child, childValue, [...path, name], text => {
      count = found(text)
      return count
    })
    return count <= mostProblems
  }
  if (shape.kind === 'record') {
    shape.fields.every(field => {
      const own = fieldOf(value as object, field.name)
      return (own === undefined && field.default !== undefined) || deeper(field.shape, own, field.name)
    })
  } else if (shape.kind === 'array') {
    // A copy has no holes: they are missing items, too.
    Array.from(value as readonly unknown[]).every((item, index) => deeper(shape.items, item, String(index)))
  } else if (shape.kind === 'map') {
    Object.entries(value as object).every(([key, each]) => {
      if (!key.isWellFormed()) return problem('a key has an unpaired surrogate') <= mostProblems
      return deeper(shape.values, each, key)
    })
  } else if (shape.kind === 'union') {
    const branch = shape.isWrapped ? wrappedBranch(shape.branches, value) : chosen(shape.branches, value)
    const meant = branch && shape.branches[branch.index]
    if (!meant) problem(`expected ${expectedOf(shape)}, got ${kindOf(value)}`)
    else find(meant, branch.value, shape.isWrapped && value !== null ? [...path, meant.name] : path, found)
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
export function fieldOf(value: object, name: string): unknown {
  if (name in Object.prototype && !Object.hasOwn(value, name)) return undefined
  return isObject(value) ? value[name] : undefined
}
