import type { ErrorObject } from 'ajv'

/** Names come from the payload where an object is a map: a message stays short whatever they are. */
const longestPath = 200
const mostErrors = 5

/** `path: rule` for each error, paths as Standard Schemas have them. ajv's messages name the rule and never the value. */
export function describeErrors(errors: readonly ErrorObject[]): string {
  const described = errors.slice(0, mostErrors).map(error => {
    const path = pathOf(error.instancePath)
    const message = `${messageOf(error)} (${error.keyword})`
    return path ? `${path}: ${message}` : message
  })
  const more = errors.length - described.length
  return described.join('; ') + (more > 0 ? `; and ${more} more` : '')
}

function messageOf({ keyword, params, message }: ErrorObject): string {
  const property: unknown = params['additionalProperty'] ?? params['unevaluatedProperty']
  if (typeof property === 'string') return `must not have the property "${shortened(property)}"`
  return message ?? `must pass "${keyword}"`
}

/** From a JSON pointer (RFC 6901). */
function pathOf(pointer: string): string {
  const path = pointer
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')
  return shortened(path)
}

function shortened(text: string): string {
  return text.length > longestPath ? `${text.slice(0, longestPath)}…` : text
}
