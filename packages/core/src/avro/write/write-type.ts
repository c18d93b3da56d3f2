import { avscRecord, avscType, type TapType } from '../avsc-step.js'
import { defaultValue } from '../default-value.js'
import type { FieldShape, RecordShape, Shape } from '../shape.js'
import {
  BigIntWriter,
  BytesWriter,
  EnumWriter,
  FixedWriter,
  FloatWriter,
  LongWriter,
  MapWriter,
  TextWriter,
} from './write-primitives.js'
import { ConvertingWriter, DefaultWriter, RecordWriter, UnionWriter } from './write-steps.js'

/** A type of avsc that writes the payloads of a shape, and throws for anything else. */
export function writeType(shape: Shape): TapType {
  return new Writers().of(shape)
}

class Writers {
  readonly #records = new Map<RecordShape, RecordWriter>()

  of(shape: Shape): TapType {
    const raw = this.#raw(shape)
    return shape.conversion ? new ConvertingWriter(raw, shape.conversion) : raw
  }

  #raw(shape: Shape): TapType {
    switch (shape.kind) {
      case 'null':
      case 'boolean':
      case 'int':
      case 'double':
        return avscType(shape.kind)
      case 'long':
        return shape.isBigInt ? new BigIntWriter() : new LongWriter()
      case 'float':
        return new FloatWriter()
      case 'string':
        return new TextWriter()
      case 'bytes':
        return new BytesWriter()
      case 'fixed':
        return new FixedWriter(shape.size)
      case 'enum':
        return new EnumWriter(shape)
      case 'array':
        return avscType({ type: 'array', items: this.of(shape.items) })
      case 'map':
        return new MapWriter(this.of(shape.values))
      case 'union':
        return new UnionWriter(
          shape,
          shape.branches.map(branch => this.of(branch)),
        )
      case 'record':
        return this.#record(shape)
    }
  }

  #record(shape: RecordShape): TapType {
    const known = this.#records.get(shape)
    if (known) return known
    const writer = new RecordWriter(shape.fields)
    this.#records.set(shape, writer)
    writer.record = avscRecord(shape.fields.map(field => ({ name: field.name, type: this.#field(field) })))
    return writer
  }

  #field(field: FieldShape): TapType {
    const type = this.of(field.shape)
    return field.default ? new DefaultWriter(type, defaultValue(field.shape, field.default.json)) : type
  }
}
