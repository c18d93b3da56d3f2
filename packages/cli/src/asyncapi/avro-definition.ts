import { definitionOf, parseSchema } from '@busbar/core/avro'
import type { Json } from '../contracts/contract.js'

/**
 * An Avro schema in the form that AsyncAPI's own schema of Avro allows, which knows no names with dots: a named type has
 * its namespace beside its name. An alias in another namespace has no such form and is left out. Undefined for what is
 * no Avro schema.
 */
export function avroDefinition(definition: unknown): unknown {
  try {
    return split(definitionOf(parseSchema(definition)), '')
  } catch {
    return undefined
  }
}

/** `enclosing` is the namespace that names without one would be in. */
function split(definition: unknown, enclosing: string): unknown {
  if (Array.isArray(definition)) return definition.map(branch => split(branch, enclosing))
  if (typeof definition !== 'object' || definition === null) return definition
  const declared = definition as Json
  if (typeof declared['name'] !== 'string') return { ...declared, ...insideOf(declared, enclosing) }
  const [namespace, name] = parts(declared['name'])
  const { aliases, ...rest } = declared
  const near = (Array.isArray(aliases) ? (aliases as readonly string[]) : [])
    .map(parts)
    .flatMap(([ofAlias, alias]) => (ofAlias === namespace ? [alias] : []))
  return {
    ...rest,
    name,
    ...(namespace === enclosing ? {} : { namespace }),
    ...(near.length > 0 ? { aliases: near } : {}),
    ...insideOf(declared, namespace),
  }
}

/** The schemas within a schema. */
function insideOf({ type, items, values, fields }: Json, namespace: string): Json {
  if (type === 'array') return { items: split(items, namespace) }
  if (type === 'map') return { values: split(values, namespace) }
  if (!Array.isArray(fields)) return {}
  return {
    fields: (fields as readonly Json[]).map(field => ({ ...field, type: split(field['type'], namespace) })),
  }
}

function parts(fullName: string): readonly [namespace: string, name: string] {
  const dot = fullName.lastIndexOf('.')
  return [fullName.slice(0, Math.max(0, dot)), fullName.slice(dot + 1)]
}
