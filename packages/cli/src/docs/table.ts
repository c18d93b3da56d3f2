/** A piece of a type: text, or the name of a record that has a table of its own. */
export type Piece = string | { readonly text: string; readonly anchor: string }

export interface Row {
  readonly name: string
  readonly type: readonly Piece[]
  /** JSON; undefined if it has none. */
  readonly default: string | undefined
  /** Whether it may be left away without having a default. */
  readonly isOptional: boolean
  readonly doc: string | undefined
}

/** The fields of a record. */
export interface Table {
  readonly anchor: string
  readonly name: string | undefined
  readonly doc: string | undefined
  readonly rows: readonly Row[]
}

/** The tables of one schema, in the order in which they are first needed. */
export class Tables {
  readonly #anchorOf: (name: string) => string
  readonly #byId = new Map<unknown, { readonly link: Piece; table: Table | undefined }>()

  constructor(anchorOf: (name: string) => string) {
    this.#anchorOf = anchorOf
  }

  get all(): readonly Table[] {
    return [...this.#byId.values()].flatMap(({ table }) => table ?? [])
  }

  /** A link to the table of `id`, where there is one. */
  linkTo(id: unknown): Piece | undefined {
    return this.#byId.get(id)?.link
  }

  /** Makes the table of `id`, unless there is one, and links to it. `rows` may link to the table that they are for. */
  add(
    id: unknown,
    name: string,
    doc: string | undefined,
    rows: (self: Piece) => readonly Row[],
  ): readonly Piece[] {
    const known = this.linkTo(id)
    if (known) return [known]
    const anchor = this.#anchorOf(name)
    const link = { text: shortName(name), anchor }
    const entry: { readonly link: Piece; table: Table | undefined } = { link, table: undefined }
    this.#byId.set(id, entry)
    entry.table = { anchor, name, doc, rows: rows(link) }
    return [link]
  }
}

/** A name without its namespace. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** What a schema is as a whole. */
export interface Described {
  readonly type: readonly Piece[]
  readonly doc: string | undefined
}

/** Pieces of several types, with text between them. */
export function joined(types: readonly (readonly Piece[])[], between: string): readonly Piece[] {
  return types.flatMap((type, index) => (index === 0 ? type : [between, ...type]))
}

/** A type within another: in parentheses where it is of several parts that could be taken for parts of the other. */
export function within(type: readonly Piece[]): readonly Piece[] {
  const isJoined = type.some(piece => typeof piece === 'string' && / [|&] /.test(piece))
  return isJoined ? ['(', ...type, ')'] : type
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}
