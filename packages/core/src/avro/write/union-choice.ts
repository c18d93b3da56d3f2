import { isRaw } from '../raw-values.js'
import type { Shape } from '../shape.js'

/**
 * The branch of a union that a value is written as: the first that holds it exactly, else the first that holds it rounded
 * (a float), else none. By kind alone, without looking into arrays, maps and records: a union that has more than one
 * record or map wraps its values, and names the branch.
 */
export function choose(branches: readonly Shape[], value: unknown): number | undefined {
  let rounded: number | undefined
  for (const [index, branch] of branches.entries()) {
    const raw = rawOf(branch, value)
    if (raw === undefined || !isRaw(branch, raw)) continue
    if (branch.kind !== 'float' || Object.is(Math.fround(raw as number), raw)) return index
    rounded ??= index
  }
  return rounded
}

/** What a branch would write for a value; undefined if its conversion refuses it. */
function rawOf({ conversion }: Shape, value: unknown): unknown {
  if (!conversion) return value
  try {
    return conversion.toAvro(value)
  } catch {
    return undefined
  }
}
