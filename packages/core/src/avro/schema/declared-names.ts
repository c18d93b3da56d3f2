import type { Declaration } from './declaration.js'
import { invalidSchema, quote } from './invalid-schema.js'
import { type PrimitiveName, primitives } from './schema-node.js'

const simpleName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Whether this is a name without namespace (Avro 1.12, "Names"). */
export function isSimpleName(name: unknown): name is string {
  return typeof name === 'string' && simpleName.test(name)
}

export function isPrimitive(name: unknown): name is PrimitiveName {
  return primitives.includes(name as PrimitiveName)
}

/** `namespace` is the one that the name stands in. A dot before a name says that it has none, as in Java. */
export function fullName(name: string, namespace: string): string {
  if (name.startsWith('.')) return name.slice(1)
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

export function namespaceOf(full: string): string {
  return full.slice(0, Math.max(0, full.lastIndexOf('.')))
}

/** The full names of a record, an enum or a fixed that is declared in the namespace `enclosing`. */
export function namesOf(
  declaration: Declaration,
  enclosing: string,
  where: string,
): { readonly name: string; readonly aliases: readonly string[] } {
  const { name } = declaration
  const kind = String(declaration['type'])
  if (!isName(name)) {
    throw invalidSchema(where, `a ${kind} needs a "name" of letters, digits and _, got ${quote(name)}`)
  }
  if (isPrimitive(name.slice(name.lastIndexOf('.') + 1))) {
    throw invalidSchema(where, `"${name}" is the name of a primitive type: choose another`)
  }
  const full = fullName(name, namespaceIn(declaration, where) ?? enclosing)
  const aliases = aliasesOf(declaration, where)
  const wrong = aliases.find(alias => !isName(alias))
  if (wrong !== undefined) {
    throw invalidSchema(
      where,
      `an alias of a ${kind} is a name of letters, digits and _, got ${quote(wrong)}`,
    )
  }
  return { name: full, aliases: aliases.map(alias => fullName(alias, namespaceOf(full))) }
}

export function aliasesOf(declaration: Declaration, where: string): readonly string[] {
  const { aliases = [] } = declaration
  const names: readonly unknown[] | undefined = Array.isArray(aliases) ? aliases : undefined
  if (names?.every(each => typeof each === 'string')) return names
  throw invalidSchema(where, '"aliases" must be an array of names')
}

function namespaceIn(declaration: Declaration, where: string): string | undefined {
  const { namespace } = declaration
  // Some writers of schemas have null for none.
  if (namespace === undefined || namespace === null) return undefined
  if (namespace === '' || (isName(namespace) && !namespace.startsWith('.'))) return namespace
  throw invalidSchema(
    where,
    `"namespace" must be names of letters, digits and _ with dots between, got ${quote(namespace)}`,
  )
}

/** A simple name, a full name, or a simple name with a dot before it. */
function isName(name: unknown): name is string {
  if (typeof name !== 'string') return false
  const isAbsolute = name.startsWith('.') && !name.includes('.', 1)
  return (isAbsolute ? name.slice(1) : name).split('.').every(isSimpleName)
}
