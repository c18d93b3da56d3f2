import type { EnumNode, FieldNode, RecordNode, SchemaNode } from '../schema/schema-node.js'

/** What each primitive type may be read as besides itself (Avro 1.12, "Schema Resolution"). */
export const promotions: Readonly<Partial<Record<SchemaNode['kind'], readonly SchemaNode['kind'][]>>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
}

/**
 * Whether one schema reads everything that was written with another (Avro 1.12, "Schema Resolution"; where that leaves
 * room, as Java's `SchemaCompatibility` has it, which registries use). Remembers the pairs that it has decided.
 */
export class ReadVerdicts {
  readonly #known = new Map<SchemaNode, Map<SchemaNode, boolean>>()
  readonly #assumed: (readonly [SchemaNode, SchemaNode])[] = []

  canRead(reader: SchemaNode, writer: SchemaNode): boolean {
    const byWriter = this.#known.get(reader) ?? new Map<SchemaNode, boolean>()
    const known = byWriter.get(writer)
    if (known !== undefined) return known
    // Recursive types lead back here: they can be read unless something else about them can't.
    this.#known.set(reader, byWriter.set(writer, true))
    const before = this.#assumed.push([reader, writer]) - 1
    if (this.#decide(reader, writer)) return true
    // What was concluded from the assumption falls with it.
    for (const [r, w] of this.#assumed.splice(before)) this.#known.get(r)?.delete(w)
    byWriter.set(writer, false)
    return false
  }

  #decide(reader: SchemaNode, writer: SchemaNode): boolean {
    if (writer.kind === 'union') return writer.branches.every(branch => this.canRead(reader, branch))
    if (reader.kind === 'union') return reader.branches.some(branch => this.canRead(branch, writer))
    if (reader.kind !== writer.kind) return promotions[writer.kind]?.includes(reader.kind) ?? false
    if (!hasMatchingName(reader, writer)) return false
    if (reader.kind === 'array' && writer.kind === 'array') return this.canRead(reader.items, writer.items)
    if (reader.kind === 'map' && writer.kind === 'map') return this.canRead(reader.values, writer.values)
    if (reader.kind === 'fixed' && writer.kind === 'fixed') return reader.size === writer.size
    if (reader.kind === 'enum' && writer.kind === 'enum')
      return unreadableSymbols(reader, writer).length === 0
    if (reader.kind !== 'record' || writer.kind !== 'record') return true
    return reader.fields.every(field => {
      const [written, ...others] = writtenFields(field, writer)
      if (written === undefined) return 'default' in field
      return others.length === 0 && this.canRead(field.type, written.type)
    })
  }
}

/** Whether types of one kind may be the same by their names. Namespaces don't matter, but in aliases. */
export function hasMatchingName(reader: SchemaNode, writer: SchemaNode): boolean {
  if (!('name' in reader && 'name' in writer)) return true
  return simpleName(reader.name) === simpleName(writer.name) || reader.aliases.includes(writer.name)
}

/** The name without its namespace. */
export function simpleName(full: string): string {
  return full.slice(full.lastIndexOf('.') + 1)
}

/** The symbols that a reader knows nothing of, and has no default for. */
export function unreadableSymbols(reader: EnumNode, writer: EnumNode): readonly string[] {
  if (reader.default !== undefined) return []
  return writer.symbols.filter(symbol => !reader.symbols.includes(symbol))
}

/** The fields of a record that a reader's field stands for by its name and aliases. More than one is a contradiction. */
export function writtenFields(field: FieldNode, writer: RecordNode): readonly FieldNode[] {
  const names = new Set([field.name, ...field.aliases])
  return writer.fields.filter(({ name }) => names.has(name))
}
