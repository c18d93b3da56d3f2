import { BusbarError, reasonOf } from '../../error.js'
import { parseSchema } from './parse-schema.js'
import type { SchemaNode } from './schema-node.js'

const mostCharacters = 1_048_576
const mostParts = 50_000
const deepest = 500

/**
 * Parses a schema that somebody else wrote, within bounds.
 *
 * @param references schemas that it refers to, each after those that it needs.
 * @throws BusbarError `SCHEMA_INVALID`
 */
export function parseForeignSchema(text: string, references: readonly string[]): SchemaNode {
  const all = [...references, text]
  const characters = all.reduce((sum, { length }) => sum + length, 0)
  if (characters > mostCharacters) throw invalid(`${characters} characters, more than ${mostCharacters}`)
  const definitions = all.map(json)
  checkSize(definitions)
  try {
    return parseSchema(definitions.at(-1), definitions.slice(0, -1))
  } catch (error) {
    if (error instanceof RangeError) throw invalid('its types are nested too deep')
    throw error
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid(`not JSON: ${reasonOf(error)}`)
  }
}

/** Without recursion, which depth could exhaust. */
function checkSize(definitions: readonly unknown[]): void {
  let level: readonly unknown[] = definitions
  let parts = 0
  for (let depth = 0; level.length > 0; depth++) {
    parts += level.length
    if (depth > deepest) throw invalid(`nested deeper than ${deepest} levels`)
    if (parts > mostParts) throw invalid(`more than ${mostParts} parts`)
    level = level.flatMap((part): unknown[] =>
      typeof part === 'object' && part !== null ? Object.values(part) : [],
    )
  }
}

function invalid(why: string): BusbarError {
  return new BusbarError('SCHEMA_INVALID', `this is no Avro schema that can be used: ${why}`)
}
