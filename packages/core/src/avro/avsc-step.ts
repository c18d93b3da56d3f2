import avsc from 'avsc'

/**
 * avsc's cursor over a buffer. Writing past the end writes nothing and moves on, so that the size that is needed shows
 * in the end.
 */
export interface Tap {
  readonly buf: Buffer
  pos: number
  readLong(): number
  readString(): string
  writeLong(value: number): void
  writeString(value: string): void
  writeFloat(value: number): void
  writeFixed(bytes: Buffer, length?: number): void
}

/** What avsc's types do for one another, and what its declarations leave out. */
export interface TapType extends avsc.Type {
  _read(tap: Tap): unknown
  _write(tap: Tap, value: unknown): void
}

/**
 * A type of avsc whose reading and writing are ours: stands inside of avsc's records and arrays wherever avsc's own type
 * would not do what the specification, or this library, asks for. `docs/decisions/avro.md` says where that is.
 */
export abstract class Step extends avsc.types.LogicalType {
  constructor() {
    super({ type: 'null' })
  }

  _read(_tap: Tap): unknown {
    throw new Error('this type only writes')
  }

  _write(_tap: Tap, _value: unknown): void {
    throw new Error('this type only reads')
  }
}

/** One of avsc's types, made from a schema in which other types may stand. */
export function avscType(schema: unknown): TapType {
  return avsc.Type.forSchema(schema as avsc.Schema, { omitRecordMethods: true }) as TapType
}

/** A record of avsc, whose values are plain objects. */
export function avscRecord(fields: readonly { readonly name: string; readonly type: TapType }[]): TapType {
  const record = avscType({ type: 'record', fields })
  // avsc makes a class for each record. Without a prototype of its own it makes what an object literal makes, which is
  // what tests compare with.
  const { recordConstructor } = record as unknown as { readonly recordConstructor: { prototype: object } }
  recordConstructor.prototype = Object.prototype
  return record
}
