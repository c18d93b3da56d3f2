/** A schema, and whether it is one: `javaDiffers` is why Avro's Java library says otherwise. */
export interface ParseCase {
  readonly name: string
  readonly schema: unknown
  readonly isValid: boolean
  readonly javaDiffers?: string
  /** Schemas that it refers to. */
  readonly references?: readonly unknown[]
}

type Json = Readonly<Record<string, unknown>>

export const record = (name: string, fields: readonly Json[] = [], more: Json = {}): Json => ({
  type: 'record',
  name,
  ...more,
  fields,
})
export const field = (name: string, type: unknown, more: Json = {}): Json => ({ name, type, ...more })
export const fixed = (name: string, size: unknown, more: Json = {}): Json => ({
  type: 'fixed',
  name,
  size,
  ...more,
})
export const enumOf = (name: string, symbols: unknown, more: Json = {}): Json => ({
  type: 'enum',
  name,
  symbols,
  ...more,
})

const valid = (name: string, schema: unknown, javaDiffers?: string): ParseCase => ({
  name,
  schema,
  isValid: true,
  ...(javaDiffers === undefined ? {} : { javaDiffers }),
})
const invalid = (name: string, schema: unknown, javaDiffers?: string): ParseCase => ({
  ...valid(name, schema, javaDiffers),
  isValid: false,
})

const ASCII = 'it takes the letters of all scripts; the specification those of ASCII'
const INLINE = 'it wants the type as an object of its own; what we register has it so'
const NOT_TEXT = 'it takes what is no text for absent'
const PRIMITIVE = 'it allows the name of a primitive type in a namespace; the specification does not'

const empty = (name: string, more: Json = {}): Json => record(name, [], more)

export const parseCases: readonly ParseCase[] = [
  // Primitive types, and what stands in for them.
  valid('a primitive type by name', 'int'),
  valid('a primitive type as an object', { type: 'int' }),
  valid('a primitive type with a logical type', { type: 'int', logicalType: 'date' }),
  valid('attributes that nobody knows', { type: 'string', 'avro.java.string': 'String' }),
  valid('an object around an object', { type: { type: 'int' } }, INLINE),
  valid('an object around a union', { type: ['null', 'int'], doc: 'text' }, INLINE),
  valid('an object around a record', { type: empty('A') }, INLINE),
  invalid('an unknown name', 'foo'),
  invalid('an unknown full name', 'a.b'),
  invalid('no text', ''),
  invalid('a number', 3),
  invalid('null', null),
  invalid('an object without type', { name: 'A' }),
  invalid('a type that is null', { type: null }),
  invalid('a type that is a number', { type: 3 }),
  invalid('the name of a kind alone', 'record'),

  // Unions.
  valid('an empty union', []),
  valid('a union of one', ['int']),
  valid('a union of primitive types', ['null', 'int', 'string']),
  valid('a union of an array and a map', [
    { type: 'array', items: 'int' },
    { type: 'map', values: 'int' },
  ]),
  valid('a union of two records', [empty('A'), empty('x.A')]),
  valid('a branch that refers to an earlier one', [empty('A'), { type: 'array', items: 'A' }]),
  invalid('a union with a type twice', ['int', 'int']),
  invalid('a union with a type twice, once with a logical type', [
    'int',
    { type: 'int', logicalType: 'date' },
  ]),
  invalid('a union with two arrays', [
    { type: 'array', items: 'int' },
    { type: 'array', items: 'long' },
  ]),
  invalid('a union with a named type and a reference to it', [empty('A'), 'A']),
  invalid('a union within a union', [['int']]),

  // Names and namespaces.
  valid('a record', empty('A')),
  valid('a record with a namespace', empty('A', { namespace: 'x.y' })),
  valid('a full name', empty('x.y.A')),
  valid('a full name wins over the namespace', empty('x.y.A', { namespace: 'z' })),
  valid('an empty namespace', empty('A', { namespace: '' })),
  valid('a namespace of null', empty('A', { namespace: null })),
  invalid('a namespace that is a number', empty('A', { namespace: 3 }), NOT_TEXT),
  invalid('a namespace with a dash', empty('A', { namespace: 'a-b' })),
  invalid('a namespace with a part that begins with a digit', empty('A', { namespace: 'a.1b' })),
  valid('a name with a dot before it has no namespace', empty('.A', { namespace: 'x' })),
  invalid('a name with a dot after it', empty('A.')),
  invalid('a name with two dots', empty('a..B')),
  invalid('a name with a dash', empty('A-B')),
  invalid('a name with a dollar sign', empty('A$B')),
  invalid('an empty name', empty('')),
  invalid('a name that begins with a digit', empty('1A')),
  invalid('a name with an umlaut', empty('Ä'), ASCII),
  invalid('a name that is a number', { type: 'record', name: 5, fields: [] }),
  invalid('no name', { type: 'record', fields: [] }),
  invalid('the name of a primitive type', empty('int')),
  invalid('the name of a primitive type with a namespace', empty('int', { namespace: 'x' }), PRIMITIVE),
  invalid('the name of a primitive type as a full name', empty('x.int'), PRIMITIVE),
  valid('the name of a kind as a name', record('record', [field('a', ['null', 'record'])])),
  valid('a namespace reaches inner types', record('A', [field('b', empty('B'))], { namespace: 'x' })),
  valid(
    'a full name gives the namespace of inner types',
    record('x.A', [field('b', record('y.B', [field('c', empty('C'))])), field('d', empty('D'))]),
  ),
  valid(
    'a namespace reaches through arrays and unions',
    record('x.A', [
      field('e', [
        { type: 'array', items: enumOf('E', ['a']) },
        { type: 'map', values: 'E' },
      ]),
      field('f', 'x.E'),
    ]),
  ),
  valid(
    'an inner type without namespace',
    record(
      'A',
      [
        field('b', empty('B', { namespace: '' })),
        field('c', record('C', [field('b', 'B')], { namespace: '' })),
      ],
      { namespace: 'x' },
    ),
  ),
  valid(
    'a reference to a type without namespace from a namespace',
    record('x.A', [field('b', empty('B', { namespace: '' })), field('c', 'B')]),
  ),
  valid(
    'the nearer of two types of one name',
    record('x.A', [field('b', empty('y.B')), field('c', empty('B')), field('d', 'B'), field('e', 'y.B')]),
  ),
  valid('a reference by name', record('x.A', [field('b', empty('B')), field('c', 'B')])),
  valid('a reference by full name', record('x.A', [field('b', empty('B')), field('c', 'x.B')])),
  valid('a reference as an object', record('A', [field('b', empty('B')), field('c', { type: 'B' })])),
  invalid(
    'a reference into another namespace by name',
    record('x.A', [field('b', empty('y.B')), field('c', 'B')]),
  ),
  invalid(
    'a reference before the declaration',
    record('A', [field('c', 'B'), field('b', empty('B'))]),
    'since 1.12 it reads the whole schema first; the specification wants the declaration first',
  ),
  valid('a record within itself', record('x.A', [field('c', ['null', 'A']), field('d', ['null', 'x.A'])])),
  valid('the same declaration twice', record('A', [field('b', empty('B')), field('c', empty('B'))])),
  invalid(
    'two declarations of one name',
    record('A', [field('b', empty('B')), field('c', record('B', [field('x', 'int')]))]),
  ),
  invalid(
    'two declarations of one name that differ in their docs',
    record('A', [field('b', empty('B')), field('c', empty('B', { doc: 'text' }))]),
    'it takes them for one',
  ),
  {
    name: 'a type of a referenced schema',
    schema: record('x.A', [field('b', 'B'), field('c', 'y.C')]),
    references: [empty('x.B'), record('y.C', [field('b', 'x.B')])],
    isValid: true,
  },
  {
    name: 'a type of no referenced schema',
    schema: record('x.A', [field('b', 'C')]),
    references: [empty('x.B')],
    isValid: false,
  },

  // Records and fields.
  valid('an error', { type: 'error', name: 'E', fields: [] }),
  valid('docs and attributes', record('A', [field('a', 'int', { doc: 'ä', foo: 1 })], { doc: 'ä', bar: 2 })),
  invalid('no fields', { type: 'record', name: 'A' }),
  invalid('fields that are an object', { type: 'record', name: 'A', fields: {} }),
  invalid('a field that is null', { type: 'record', name: 'A', fields: [null] }),
  invalid('a field without name', record('A', [{ type: 'int' }])),
  invalid('a field without type', record('A', [{ name: 'a' }])),
  invalid('two fields of one name', record('A', [field('a', 'int'), field('a', 'int')])),
  invalid('a field with a dash', record('A', [field('a-b', 'int')])),
  invalid('a field with a dot', record('A', [field('a.b', 'int')])),
  invalid('a field with an umlaut', record('A', [field('ä', 'int')]), ASCII),
  valid(
    'a field with the attributes of an array',
    record('A', [field('a', 'array', { items: 'int' })]),
    INLINE,
  ),
  valid('a field with the attributes of a map', record('A', [field('a', 'map', { values: 'int' })]), INLINE),
  invalid('a field with the attributes of an enum', record('A', [field('a', 'enum', { symbols: ['x'] })])),
  invalid('a field with the attributes of a record', record('A', [field('a', 'record', { fields: [] })])),
  valid('the order of a field', record('A', [field('a', 'int', { order: 'descending' })])),
  valid('a field without order', record('A', [field('a', 'int', { order: 'ignore' })])),
  invalid('an order that is none', record('A', [field('a', 'int', { order: 'up' })])),
  invalid('an order that is a number', record('A', [field('a', 'int', { order: 1 })])),

  // Aliases.
  valid('aliases of a record', empty('A', { aliases: ['B', 'x.C', '.D'], namespace: 'n' })),
  valid('aliases of a field', record('A', [field('a', 'int', { aliases: ['b', 'c'] })])),
  valid(
    'an alias that is the name of another field',
    record('A', [field('a', 'int', { aliases: ['b'] }), field('b', 'int')]),
  ),
  invalid('an alias with a dash', empty('A', { aliases: ['B-'] })),
  invalid('an empty alias', empty('A', { aliases: [''] })),
  invalid('an alias that is no array', empty('A', { aliases: 'B' })),
  invalid('aliases of a field that are no array', record('A', [field('a', 'int', { aliases: 'b' })])),

  // Enums, fixed, arrays, maps.
  valid('an enum', enumOf('E', ['a', 'b'])),
  valid('an enum without symbols', enumOf('E', [])),
  valid('an enum with a default', enumOf('E', ['a', 'b'], { default: 'b' })),
  invalid('an enum whose default is no symbol', enumOf('E', ['a'], { default: 'b' })),
  invalid('an enum with a symbol twice', enumOf('E', ['a', 'a'])),
  invalid('an enum with a symbol that is no name', enumOf('E', ['a-b'])),
  invalid('an enum with a symbol that has an umlaut', enumOf('E', ['ä']), ASCII),
  invalid('an enum without "symbols"', { type: 'enum', name: 'E' }),
  invalid('an enum whose symbols are text', enumOf('E', 'a')),
  valid('a fixed', fixed('F', 4)),
  valid('a fixed of no bytes', fixed('F', 0)),
  invalid('a fixed of less than no bytes', fixed('F', -1)),
  invalid('a fixed of one byte and a half', fixed('F', 1.5)),
  invalid('a fixed whose size is text', fixed('F', '4')),
  invalid('a fixed of 2 GiB', fixed('F', 2 ** 31)),
  valid('an array', { type: 'array', items: { type: 'map', values: 'string' } }),
  invalid('an array of nothing', { type: 'array' }),
  invalid('a map of nothing', { type: 'map' }),
  valid('a decimal', { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }),
  valid('a logical type that is none', { type: 'bytes', logicalType: 'decimal', precision: 2, scale: 4 }),
  valid(
    'a fixed that is used three times',
    record('q.r.A', [
      field('a', fixed('F', 1)),
      field('b', { type: 'map', values: 'F' }),
      field('c', ['null', 'q.r.F']),
    ]),
  ),
]
