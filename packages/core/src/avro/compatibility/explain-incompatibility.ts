import {
  type FieldNode,
  nameOf,
  type RecordNode,
  type SchemaNode,
  type UnionNode,
} from '../schema/schema-node.js'
import { hasMatchingName, ReadVerdicts, simpleName, unreadableSymbols, writtenFields } from './can-read.js'
import type { Finding } from './compatibility-problem.js'

/** What one schema cannot read of another, and where in the reader's schema; nothing when it can. */
export function explainIncompatibility(
  reader: SchemaNode,
  writer: SchemaNode,
): readonly (readonly [path: string, finding: Finding])[] {
  const explanation = new Explanation()
  explanation.compare(reader, writer, simpleName(nameOf(reader)))
  return explanation.findings
}

/** The place in a branch of a union. A union with null is what it is without. */
export function branchPath(path: string, union: UnionNode, branch: SchemaNode): string {
  const isOnlyOne = union.branches.every(each => each === branch || each.kind === 'null')
  return isOnlyOne ? path : `${path}(${simpleName(nameOf(branch))})`
}

class Explanation {
  readonly findings: (readonly [string, Finding])[] = []
  readonly #verdicts = new ReadVerdicts()
  readonly #seen = new Map<SchemaNode, Set<SchemaNode>>()

  /** Walks to what cannot be read, each pair once: what a type is wrong about, it is wrong about everywhere. */
  compare(reader: SchemaNode, writer: SchemaNode, path: string): void {
    if (this.#verdicts.canRead(reader, writer)) return
    const seen = this.#seen.get(reader) ?? new Set<SchemaNode>()
    if (seen.has(writer)) return
    this.#seen.set(reader, seen.add(writer))
    if (writer.kind === 'union') {
      for (const branch of writer.branches) this.#branch(reader, branch, path)
    } else if (reader.kind === 'union') this.#union(reader, writer, path)
    else if (reader.kind !== writer.kind) this.#found(path, { rule: 'TYPE_MISMATCH', reader, writer })
    else this.#sameKind(reader, writer, path)
  }

  /** One of several types that the records may have. Another record than the reader's is none to compare fields with. */
  #branch(reader: SchemaNode, writer: SchemaNode, path: string): void {
    if (reader.kind === writer.kind && !hasMatchingName(reader, writer)) this.#names(reader, writer, path)
    else this.compare(reader, writer, path)
  }

  /** The branch that is meant says more than that none fits. */
  #union(reader: UnionNode, writer: SchemaNode, path: string): void {
    const meant = reader.branches.find(
      branch => branch.kind === writer.kind && hasMatchingName(branch, writer),
    )
    if (meant === undefined) this.#found(path, { rule: 'MISSING_UNION_BRANCH', reader, writer })
    else this.compare(meant, writer, branchPath(path, reader, meant))
  }

  #sameKind(reader: SchemaNode, writer: SchemaNode, path: string): void {
    if (!hasMatchingName(reader, writer)) this.#names(reader, writer, path)
    if (reader.kind === 'array' && writer.kind === 'array') {
      this.compare(reader.items, writer.items, `${path}[]`)
    }
    if (reader.kind === 'map' && writer.kind === 'map') {
      this.compare(reader.values, writer.values, `${path}{}`)
    }
    if (reader.kind === 'fixed' && writer.kind === 'fixed' && reader.size !== writer.size) {
      this.#found(path, { rule: 'FIXED_SIZE_MISMATCH', reader, writer })
    }
    if (reader.kind === 'enum' && writer.kind === 'enum') {
      const symbols = unreadableSymbols(reader, writer)
      if (symbols.length > 0) this.#found(path, { rule: 'MISSING_ENUM_SYMBOLS', reader, symbols })
    }
    if (reader.kind === 'record' && writer.kind === 'record') {
      for (const field of reader.fields) this.#field(field, writer, `${path}.${field.name}`)
    }
  }

  #field(field: FieldNode, writer: RecordNode, path: string): void {
    const fields = writtenFields(field, writer)
    const [written] = fields
    if (fields.length > 1) {
      this.#found(path, { rule: 'AMBIGUOUS_ALIAS', fields: fields.map(({ name }) => name) })
    } else if (written !== undefined) this.compare(field.type, written.type, path)
    else if (!('default' in field)) this.#found(path, { rule: 'READER_FIELD_MISSING_DEFAULT_VALUE' })
  }

  #names(reader: SchemaNode, writer: SchemaNode, path: string): void {
    this.#found(path, { rule: 'NAME_MISMATCH', reader: nameOf(reader), writer: nameOf(writer) })
  }

  #found(path: string, finding: Finding): void {
    this.findings.push([path, finding])
  }
}
