import { type LogicalType, nameOf, type SchemaNode } from '../schema/schema-node.js'
import { hasMatchingName, ReadVerdicts, simpleName, writtenFields } from './can-read.js'
import { branchPath } from './explain-incompatibility.js'

/** Where two schemas give the same bytes another meaning, and which: `decimal(9, 2)`. */
export interface LogicalTypeChange {
  readonly path: string
  readonly reader: string
  readonly writer: string
}

/**
 * Where values are read that were written with another logical type, or as decimals of another precision or scale.
 * Neither Avro's rules nor registries look at that, and yet 12.34 becomes 1.234.
 */
export function logicalTypeChanges(reader: SchemaNode, writer: SchemaNode): readonly LogicalTypeChange[] {
  const comparison = new Comparison()
  comparison.compare(reader, writer, simpleName(nameOf(reader)))
  return comparison.changes
}

class Comparison {
  readonly changes: LogicalTypeChange[] = []
  readonly #verdicts = new ReadVerdicts()
  readonly #seen = new Map<SchemaNode, Set<SchemaNode>>()

  compare(reader: SchemaNode, writer: SchemaNode, path: string): void {
    const seen = this.#seen.get(reader) ?? new Set<SchemaNode>()
    if (seen.has(writer)) return
    this.#seen.set(reader, seen.add(writer))
    if (writer.kind === 'union') {
      for (const branch of writer.branches) this.compare(reader, branch, path)
      return
    }
    if (reader.kind === 'union') {
      const same = reader.branches.find(each => each.kind === writer.kind && hasMatchingName(each, writer))
      const branch = same ?? reader.branches.find(each => this.#verdicts.canRead(each, writer))
      if (branch) this.compare(branch, writer, branchPath(path, reader, branch))
      return
    }
    const [read, written] = [meaningOf(reader.logicalType), meaningOf(writer.logicalType)]
    if (read !== written) this.changes.push({ path, reader: read, writer: written })
    this.#inside(reader, writer, path)
  }

  #inside(reader: SchemaNode, writer: SchemaNode, path: string): void {
    if (reader.kind === 'array' && writer.kind === 'array') {
      this.compare(reader.items, writer.items, `${path}[]`)
    }
    if (reader.kind === 'map' && writer.kind === 'map') {
      this.compare(reader.values, writer.values, `${path}{}`)
    }
    if (reader.kind !== 'record' || writer.kind !== 'record') return
    for (const field of reader.fields) {
      const [written, ...others] = writtenFields(field, writer)
      if (written && others.length === 0) this.compare(field.type, written.type, `${path}.${field.name}`)
    }
  }
}

function meaningOf(logicalType: LogicalType | undefined): string {
  if (logicalType === undefined) return 'none'
  const { name, attributes } = logicalType
  if (name !== 'decimal') return name
  const { precision, scale = 0 } = attributes
  return `decimal(${String(precision)}, ${String(scale)})`
}
