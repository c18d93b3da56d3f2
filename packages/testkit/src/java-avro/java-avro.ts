import type { LineProcess } from './line-process.js'

/** The compatibility of two schemas as Avro's Java library sees it. */
export interface JavaCompatibility {
  readonly compatible: boolean
  readonly incompatibilities: readonly JavaIncompatibility[]
}

export interface JavaIncompatibility {
  /** For example `READER_FIELD_MISSING_DEFAULT_VALUE`. */
  readonly type: string
  /** A JSON pointer into the reader's schema. */
  readonly location: string
  readonly message: string
}

/** A value that was read with two schemas. */
export interface JavaResolved {
  /** The value in Avro's JSON encoding by the reader's schema: as text, since it may hold longs that no number does. */
  readonly json: string
  /** Whether all bytes were read. */
  readonly atEnd: boolean
}

export interface JavaCanonical {
  /** The Parsing Canonical Form. */
  readonly form: string
  /** In hexadecimal, as the specification's algorithms are named. */
  readonly fingerprints: Readonly<Record<'CRC-64-AVRO' | 'MD5' | 'SHA-256', string>>
}

/** What Avro's Java library refused, with the exception's class and message. */
export class JavaAvroError extends Error {
  override readonly name = 'JavaAvroError'
  /** For example `org.apache.avro.AvroTypeException`. */
  readonly javaClass: string

  constructor(javaClass: string, message: string) {
    super(`${javaClass}: ${message}`)
    this.javaClass = javaClass
  }
}

const ANSWER_MS = 20_000

/**
 * Apache Avro's Java library, to compare with: a process that answers. Schemas are definitions as JSON. Every call
 * throws a `JavaAvroError` where Java throws, for instance because a schema is not valid.
 */
export class JavaAvro implements AsyncDisposable {
  readonly #process: LineProcess

  constructor(process: LineProcess) {
    this.#process = process
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** What `SchemaCompatibility` says of reading, with one schema, what was written with the other. */
  compatible(schemas: { readonly reader: unknown; readonly writer: unknown }): Promise<JavaCompatibility> {
    return this.#ask('compatible', schemas)
  }

  /** Decodes with the writer's schema, resolved to the reader's. */
  resolve(request: {
    readonly writer: unknown
    readonly reader: unknown
    readonly bytes: Uint8Array
  }): Promise<JavaResolved> {
    const { writer, reader, bytes } = request
    return this.#ask('resolve', { writer, reader, hex: Buffer.from(bytes).toString('hex') })
  }

  /** Encodes a value given in Avro's JSON encoding, as text. */
  async encode(schema: unknown, json: string): Promise<Uint8Array> {
    const { hex } = await this.#ask<{ hex: string }>('encode', { schema, json })
    return Buffer.from(hex, 'hex')
  }

  /** Parses a schema, after those that it refers to. */
  canonical(schema: unknown, references: readonly unknown[] = []): Promise<JavaCanonical> {
    return this.#ask('canonical', { schema, references })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]()
  }

  async #ask<T>(op: string, request: object): Promise<T> {
    const line = await this.#process.ask(JSON.stringify({ op, ...request }), ANSWER_MS)
    const answer = JSON.parse(line) as T & { readonly error?: string; readonly message?: string }
    if (answer.error !== undefined) throw new JavaAvroError(answer.error, answer.message ?? '')
    return answer
  }
}
