import { BusbarError, reasonOf } from '../error.js'
import type { Conversion } from './conversions/conversion.js'
import { type StandardConversion, standardConversion } from './conversions/standard-conversions.js'
import type { AvroOptions } from './options.js'
import { nameOf, type PrimitiveName, type SchemaNode } from './schema/schema-node.js'

/** A conversion with the attributes of the place that it stands at. */
export interface BoundConversion {
  /** What it takes, for messages. */
  readonly expected: string
  /** Whether it was given to `avro()`: then only its own errors say what it takes. */
  readonly isCustom: boolean
  toAvro(value: unknown): unknown
  fromAvro(raw: unknown): unknown
}

interface Common<Kind extends string> {
  readonly kind: Kind
  /** How messages call it: its full name, or its kind. */
  readonly name: string
  readonly node: SchemaNode
  readonly conversion: BoundConversion | undefined
}

interface PrimitiveShape extends Common<PrimitiveName> {
  /** Of a `long`: whether its raw value is a bigint. */
  readonly isBigInt: boolean
}

interface ArrayShape extends Common<'array'> {
  readonly items: Shape
}

interface MapShape extends Common<'map'> {
  readonly values: Shape
}

export interface UnionShape extends Common<'union'> {
  readonly branches: readonly Shape[]
  /** Whether values are `{ [name of the branch]: value }`, as in Avro's JSON encoding. */
  readonly isWrapped: boolean
}

export interface FieldShape {
  readonly name: string
  readonly aliases: readonly string[]
  readonly shape: Shape
  /** As JSON, in an object since it may be null; undefined where the field has none. */
  readonly default: { readonly json: unknown } | undefined
}

export interface RecordShape extends Common<'record'> {
  readonly aliases: readonly string[]
  readonly fields: readonly FieldShape[]
}

export interface EnumShape extends Common<'enum'> {
  readonly symbols: readonly string[]
  /** Each symbol's index. */
  readonly indexes: ReadonlyMap<unknown, number>
  readonly aliases: readonly string[]
  readonly default: string | undefined
}

interface FixedShape extends Common<'fixed'> {
  readonly aliases: readonly string[]
  readonly size: number
}

/** How the values of one schema look in TypeScript: the schema with the options of its codec applied. */
export type Shape = PrimitiveShape | ArrayShape | MapShape | UnionShape | RecordShape | EnumShape | FixedShape

/**
 * @param optionsOf the options of a codec whose schema became the node, where there is one.
 * @throws BusbarError `SCHEMA_INVALID` for a logical type that is not declared as Avro asks, or has no such values here.
 */
export function shapeOf(
  node: SchemaNode,
  options: AvroOptions,
  optionsOf: (node: SchemaNode) => AvroOptions | undefined,
): Shape {
  return new Shaper(optionsOf).shape(node, options)
}

class Shaper {
  readonly #records = new Map<SchemaNode, RecordShape>()
  readonly #optionsOf: (node: SchemaNode) => AvroOptions | undefined

  constructor(optionsOf: (node: SchemaNode) => AvroOptions | undefined) {
    this.#optionsOf = optionsOf
  }

  shape(node: SchemaNode, outer: AvroOptions): Shape {
    const options = this.#optionsOf(node) ?? outer
    const conversion = conversionOf(node, options)
    const common = { name: nameOf(node), node, conversion: conversion && bound(conversion, node) }
    switch (node.kind) {
      case 'record':
        return this.#record(node, common, options)
      case 'array':
        return { ...common, kind: 'array', items: this.shape(node.items, options) }
      case 'map':
        return { ...common, kind: 'map', values: this.shape(node.values, options) }
      case 'union': {
        const branches = node.branches.map(branch => this.shape(branch, options))
        const objects = branches.filter(({ kind }) => kind === 'record' || kind === 'map')
        return { ...common, kind: 'union', branches, isWrapped: objects.length > 1 }
      }
      case 'enum': {
        const indexes = new Map(node.symbols.map((symbol, index) => [symbol, index]))
        return { ...common, ...node, indexes, node }
      }
      case 'fixed':
        return { ...common, ...node, node }
      case 'null':
      case 'boolean':
      case 'int':
      case 'long':
      case 'float':
      case 'double':
      case 'bytes':
      case 'string': {
        const isBigInt = isStandard(conversion) ? conversion.isBigInt === true : options.long === 'bigint'
        return { ...common, kind: node.kind, isBigInt }
      }
    }
  }

  #record(
    node: Extract<SchemaNode, { kind: 'record' }>,
    common: Omit<Common<'record'>, 'kind'>,
    options: AvroOptions,
  ): RecordShape {
    const known = this.#records.get(node)
    if (known) return known
    const fields: FieldShape[] = []
    const record: RecordShape = { ...common, kind: 'record', aliases: node.aliases, fields }
    // Known before its fields are: they may refer to it.
    this.#records.set(node, record)
    for (const field of node.fields) {
      if (field.name === '__proto__') {
        throw invalid(`field __proto__ of ${node.name}`, 'no JavaScript object has such a property')
      }
      fields.push({
        name: field.name,
        aliases: field.aliases,
        shape: this.shape(field.type, options),
        default: Object.hasOwn(field, 'default') ? { json: field.default } : undefined,
      })
    }
    return record
  }
}

function conversionOf(node: SchemaNode, options: AvroOptions): Conversion | StandardConversion | undefined {
  if (node.logicalType === undefined) return undefined
  const { name } = node.logicalType
  const { conversions = {} } = options
  const chosen = Object.hasOwn(conversions, name) ? conversions[name] : undefined
  if (chosen !== undefined) return chosen === false ? undefined : chosen
  try {
    return standardConversion(node)
  } catch (error) {
    throw invalid(`logical type "${name}" of ${nameOf(node)}`, reasonOf(error))
  }
}

function isStandard(conversion: Conversion | undefined): conversion is StandardConversion {
  return conversion !== undefined && 'expected' in conversion
}

function bound(conversion: Conversion, node: SchemaNode): BoundConversion {
  const { name = '', attributes = {} } = node.logicalType ?? {}
  return {
    expected: isStandard(conversion) ? conversion.expected : `a value that the conversion of "${name}" takes`,
    isCustom: !isStandard(conversion),
    toAvro: value => conversion.toAvro(value, attributes),
    fromAvro: raw => conversion.fromAvro(raw, attributes),
  }
}

function invalid(where: string, why: string): BusbarError {
  return new BusbarError('SCHEMA_INVALID', `this Avro schema is not valid: ${where}: ${why}`)
}
