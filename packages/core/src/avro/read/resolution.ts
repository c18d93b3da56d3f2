import { BusbarError } from '../../error.js'
import { avscRecord, avscType, type TapType } from '../avsc-step.js'
import { defaultValue } from '../default-value.js'
import { nameOf, type RecordNode, type SchemaNode } from '../schema/schema-node.js'
import type { EnumShape, FieldShape, RecordShape, Shape, UnionShape } from '../shape.js'
import { boundsCheck } from './bounds-check.js'
import { logicalMismatch } from './logical-mismatch.js'
import { matchingBranches, namesMatch, primitiveReader } from './matching.js'
import { FixedReader } from './read-primitives.js'
import {
  ConvertingReader,
  EnumReader,
  MapReader,
  RecordReader,
  Skipper,
  UnionReader,
  Unreadable,
  WrappingReader,
} from './read-steps.js'

/**
 * A type of avsc that reads what was written with one schema as values of another (Avro 1.12, "Schema Resolution"). The
 * rules are our own: those of avsc differ, see `docs/decisions/avro.md`. They are those of the specification; where it
 * is silent or says "first", in unions, those of Avro's Java library.
 *
 * A branch or a symbol of the writer's that the reader does not have is an error only for the values that hold it.
 *
 * @throws BusbarError `SCHEMA_INCOMPATIBLE` naming the field and the rule, when no record can be read.
 */
export function readType(writer: SchemaNode, reader: Shape): TapType {
  return new Resolver().of(writer, reader, `in ${reader.kind === 'record' ? reader.name : 'the value'}`)
}

class Resolver {
  readonly #records = new Map<SchemaNode, Map<RecordShape, RecordReader>>()
  readonly #refused = new Map<RecordReader, BusbarError>()

  /** `where` is the reader's field, for messages. */
  of(writer: SchemaNode, reader: Shape, where: string): TapType {
    if (writer.kind === 'union') return this.#writersUnion(writer.branches, reader, where)
    if (reader.kind === 'union') return this.#readersUnion(writer, reader, where)
    const mismatch = logicalMismatch(writer, reader)
    if (mismatch !== undefined) throw incompatible(mismatch, where)
    const raw = this.#raw(writer, reader, where)
    return reader.conversion ? new ConvertingReader(raw, reader.conversion, where) : raw
  }

  #writersUnion(branches: readonly SchemaNode[], reader: Shape, where: string): TapType {
    const errors: BusbarError[] = []
    const types = branches.map(branch => {
      try {
        return this.of(branch, reader, where)
      } catch (error) {
        if (!(error instanceof BusbarError)) throw error
        errors.push(error)
        return new Unreadable(error)
      }
    })
    const [first] = errors
    if (first && errors.length === branches.length) throw first
    return new UnionReader(types)
  }

  #readersUnion(writer: SchemaNode, reader: UnionShape, where: string): TapType {
    let first: BusbarError | undefined
    for (const branch of matchingBranches(writer, reader.branches)) {
      try {
        const type = this.of(writer, branch, where)
        return reader.isWrapped && branch.kind !== 'null' ? new WrappingReader(type, branch.name) : type
      } catch (error) {
        if (!(error instanceof BusbarError)) throw error
        first ??= error
      }
    }
    throw (
      first ?? incompatible(`no branch of the reader's union matches the writer's ${nameOf(writer)}`, where)
    )
  }

  #raw(writer: SchemaNode, reader: Shape, where: string): TapType {
    if (writer.kind === 'array' && reader.kind === 'array') {
      return avscType({ type: 'array', items: this.of(writer.items, reader.items, where) })
    }
    if (writer.kind === 'map' && reader.kind === 'map') {
      return new MapReader(this.of(writer.values, reader.values, where))
    }
    if (writer.kind === 'record' && reader.kind === 'record') return this.#record(writer, reader, where)
    if (writer.kind === 'enum' && reader.kind === 'enum') return symbols(writer, reader, where)
    if (writer.kind === 'fixed' && reader.kind === 'fixed') {
      if (!namesMatch(writer, reader)) throw otherName(writer, reader, where)
      if (writer.size === reader.size) return new FixedReader(writer.size)
      const sizes = `the writer's has ${writer.size} bytes, the reader's ${reader.size}`
      throw incompatible(`fixed ${reader.name}: ${sizes}`, where)
    }
    const primitive = primitiveReader(writer, reader, where)
    if (primitive) return primitive
    throw incompatible(`the writer's ${nameOf(writer)} cannot be read as ${reader.name}`, where)
  }

  #record(writer: RecordNode, reader: RecordShape, where: string): TapType {
    if (!namesMatch(writer, reader)) throw otherName(writer, reader, where)
    const known = this.#records.get(writer) ?? new Map<RecordShape, RecordReader>()
    const before = known.get(reader)
    const refusal = before && this.#refused.get(before)
    if (refusal) throw refusal
    if (before) return before
    const step = new RecordReader()
    this.#records.set(writer, known.set(reader, step))
    try {
      return this.#fields(writer, reader, step)
    } catch (error) {
      // What already refers to this record, from a branch of a union, must not read it as if nothing were wrong.
      if (error instanceof BusbarError) {
        step.type = new Unreadable(error)
        this.#refused.set(step, error)
      }
      throw error
    }
  }

  #fields(writer: RecordNode, reader: RecordShape, step: RecordReader): TapType {
    const sources = sourcesOf(writer, reader)
    const missing = reader.fields.filter(field => !sources.has(field))
    for (const field of missing) {
      if (field.default) continue
      const why = 'the writer has no such field, and it has no default in the reader'
      throw incompatible(why, `in field ${field.name} of ${reader.name}`)
    }
    const targets = new Map([...sources].map(([field, source]) => [source, field]))
    const isSame =
      writer.fields.length === reader.fields.length &&
      writer.fields.every(({ name }, index) => sources.get(reader.fields[index] as FieldShape) === name)
    step.type = avscRecord(
      writer.fields.map(({ name, type }, index) => {
        const target = targets.get(name)
        const where = `in field ${target?.name ?? name} of ${reader.name}`
        const reads = target ? this.of(type, target.shape, where) : new Skipper(boundsCheck(type))
        return { name: isSame && target ? target.name : `f${index}`, type: reads }
      }),
    )
    if (isSame) return step.type
    step.finish = finisher(writer, reader, sources)
    return step
  }
}

/** The reader's fields in their order, from what was read and from defaults. */
function finisher(
  writer: RecordNode,
  reader: RecordShape,
  sources: ReadonlyMap<FieldShape, string>,
): (read: Readonly<Record<string, unknown>>) => object {
  const fields = reader.fields.map(field => {
    const index = writer.fields.findIndex(({ name }) => name === sources.get(field))
    return {
      name: field.name,
      from: `f${index}`,
      shape: field.shape,
      default: index < 0 ? field.default : undefined,
    }
  })
  return read => {
    const record: Record<string, unknown> = {}
    for (const field of fields) {
      record[field.name] = field.default ? defaultValue(field.shape, field.default.json) : read[field.from]
    }
    return record
  }
}

/** Which of the writer's fields each of the reader's is: the one of its name, else the first of its aliases. */
function sourcesOf(writer: RecordNode, reader: RecordShape): Map<FieldShape, string> {
  const written = new Set(writer.fields.map(({ name }) => name))
  const sources = new Map<FieldShape, string>()
  for (const field of reader.fields) if (written.delete(field.name)) sources.set(field, field.name)
  for (const field of reader.fields) {
    if (sources.has(field)) continue
    const alias = field.aliases.find(name => written.delete(name))
    if (alias !== undefined) sources.set(field, alias)
  }
  return sources
}

function symbols(writer: Extract<SchemaNode, { kind: 'enum' }>, reader: EnumShape, where: string): TapType {
  if (!namesMatch(writer, reader)) throw otherName(writer, reader, where)
  const known = writer.symbols.map(symbol => (reader.indexes.has(symbol) ? symbol : reader.default))
  return new EnumReader(known, index => {
    const symbol = writer.symbols[index] ?? ''
    const why = `enum ${reader.name}: the reader has neither the writer's symbol ${symbol} nor a default`
    return incompatible(why, where)
  })
}

function otherName(writer: SchemaNode, reader: Shape, where: string): BusbarError {
  const why = `the writer's ${writer.kind} ${nameOf(writer)} has another name than ${reader.name}, and is none of its aliases`
  return incompatible(why, where)
}

function incompatible(why: string, where: string): BusbarError {
  return new BusbarError('SCHEMA_INCOMPATIBLE', `${why} ${where}`)
}
