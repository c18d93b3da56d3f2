import { BusbarError } from '@busbar/core'
import type { SchemaReference, SubjectVersion } from './registry-client.js'

/** More than any schema has that people wrote: a registry that answers with more would keep us busy for ever. */
const MAX_REFERENCES = 200

type Fetch = (reference: SchemaReference) => SubjectVersion | Promise<SubjectVersion>

/**
 * The texts of all schemas that the references lead to, each once and after those that it needs itself.
 *
 * @throws BusbarError `SCHEMA_INVALID` for references in a circle, or for more than 200.
 */
export async function resolveReferences(
  references: readonly SchemaReference[],
  fetch: Fetch,
): Promise<readonly string[]> {
  const texts = new Map<string, string>()
  const open = new Set<string>()
  const visit = async (reference: SchemaReference): Promise<void> => {
    const key = `${reference.subject} version ${reference.version}`
    if (texts.has(key)) return
    if (open.has(key)) {
      throw new BusbarError(
        'SCHEMA_INVALID',
        `schemas refer to each other in a circle: ${[...open, key].join(' → ')}: register them so that one comes first`,
      )
    }
    if (open.size + texts.size >= MAX_REFERENCES) {
      throw new BusbarError('SCHEMA_INVALID', `a schema refers to more than ${MAX_REFERENCES} others`)
    }
    open.add(key)
    const { text, references: next } = await fetch(reference)
    for (const each of next) await visit(each)
    open.delete(key)
    texts.set(key, text)
  }
  for (const each of references) await visit(each)
  return [...texts.values()]
}
