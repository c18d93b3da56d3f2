import { BusbarError } from '@busbar/core'

/**
 * A table's name as it stands in SQL, each part quoted: `table` or `schema.table`. Kept so short that the names made
 * from it stay below the 63 bytes that Postgres cuts off at.
 * @throws BusbarError `CONFIG_INVALID`
 */
export function quotedTable(name: string): string {
  const parts = name.split('.')
  if (parts.length <= 2 && parts.every(part => /^[A-Za-z_][A-Za-z0-9_]{0,49}$/.test(part))) {
    return parts.map(part => `"${part}"`).join('.')
  }
  throw new BusbarError(
    'CONFIG_INVALID',
    `option "table": ${JSON.stringify(name)} must be a table or schema.table of letters, digits and "_", each part of at most 50`,
  )
}

/** The name of something that belongs to a table, such as an index, quoted and without a schema. */
export function quotedPart(name: string, suffix: string): string {
  return `"${name.split('.').at(-1)}_${suffix}"`
}
