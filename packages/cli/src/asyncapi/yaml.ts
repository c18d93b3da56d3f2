/**
 * Plain JSON as block YAML 1.2. JSON is YAML already; this is the form that people read and compare. Scalars and unusual
 * keys stay as JSON has them, so that nothing needs YAML's own rules for quoting.
 */
export function yaml(value: unknown): string {
  return `${block(value, '')}\n`
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value) && value.length > 0) {
    return value.map(each => `${indent}- ${block(each, `${indent}  `).trimStart()}`).join('\n')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined)
    if (entries.length > 0) return entries.map(([key, each]) => entry(key, each, indent)).join('\n')
  }
  return indent + scalar(value)
}

function entry(key: string, value: unknown, indent: string): string {
  const name = `${indent}${/^[A-Za-z_][A-Za-z0-9_-]*$/.test(key) && !isWord(key) ? key : scalar(key)}:`
  const isEmpty = typeof value !== 'object' || value === null || Object.keys(value).length === 0
  return isEmpty ? `${name} ${scalar(value)}` : `${name}\n${block(value, `${indent}  `)}`
}

/** What YAML, or an older version of it, takes for something other than text. */
function isWord(text: string): boolean {
  return /^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
}

/** JSON without the characters that YAML does not print (YAML 1.2, section 5.1). */
function scalar(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
