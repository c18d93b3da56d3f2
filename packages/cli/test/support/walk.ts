import * as assert from 'uvu/assert'

/** What stands at a path of a document; fails if nothing does. */
export function at(document: unknown, ...path: readonly string[]): unknown {
  let value = document
  for (const [index, key] of path.entries()) {
    assert.ok(
      Object.hasOwn(Object(value) as object, key),
      `there is no ${path.slice(0, index + 1).join(' → ')}`,
    )
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

export function keysAt(document: unknown, ...path: readonly string[]): string[] {
  return Object.keys(Object(at(document, ...path)) as object)
}
