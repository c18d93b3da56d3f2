import type { AvroCodec } from '@busbar/core/avro'
import { encoded, untyped } from '../untyped.js'

/** A schema with records that are valid, and the readers that mutations of them are given to. */
export interface Subject {
  readonly name: string
  readonly writer: AvroCodec<unknown>
  readonly readers: readonly AvroCodec<unknown>[]
  readonly records: readonly Uint8Array[]
}

const field = (name: string, type: unknown, more: object = {}) => ({ name, type, ...more })
const record = (name: string, ...fields: readonly object[]) => ({ type: 'record', name, fields })
const array = (items: unknown) => ({ type: 'array', items })
const map = (values: unknown) => ({ type: 'map', values })

function subject(
  schema: { readonly name: string },
  evolved: readonly object[],
  values: readonly unknown[],
): Subject {
  const writer = untyped(schema)
  const readers = [writer, ...evolved.map(reader => untyped(reader))]
  return { name: schema.name, writer, readers, records: values.map(value => encoded(writer, value)) }
}

const user = subject(
  record('User', field('id', 'string'), field('name', 'string'), field('email', 'string')),
  [
    record(
      'User',
      field('email', 'bytes'),
      field('since', 'long', { default: 0 }),
      field('id', ['null', 'string']),
    ),
  ],
  [
    { id: '1', name: 'Ada', email: 'ada@example.com' },
    { id: 'é😀', name: '', email: 'x'.repeat(300) },
  ],
)

const kinds = { type: 'enum', name: 'Kind', symbols: ['A', 'B', 'C'] }
const everything = subject(
  record(
    'Everything',
    field('flag', 'boolean'),
    field('int', 'int'),
    field('long', 'long'),
    field('float', 'float'),
    field('double', 'double'),
    field('bytes', 'bytes'),
    field('fixed', { type: 'fixed', name: 'Four', size: 4 }),
    field('kind', kinds),
    field('choice', ['null', 'string', 'int', array('int')]),
    field('map', map('string')),
    field('at', { type: 'long', logicalType: 'timestamp-millis' }),
    field('exact', { type: 'long', logicalType: 'timestamp-micros' }),
    field('day', { type: 'int', logicalType: 'date' }),
    field('price', { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 }),
    field('uuid', { type: 'string', logicalType: 'uuid' }),
  ),
  [
    record(
      'Everything',
      field('kind', { ...kinds, symbols: ['B', 'C'], default: 'C' }),
      field('int', 'long'),
      field('float', 'double'),
      field('bytes', 'string'),
      field('choice', ['null', 'bytes', 'double', array('long')]),
      field('added', array('string'), { default: ['x'] }),
      field('price', ['null', { type: 'bytes', logicalType: 'decimal', precision: 20, scale: 2 }]),
    ),
    record('Everything', field('kind', { ...kinds, symbols: ['A'] }), field('choice', ['null', 'string'])),
  ],
  [1, -70_000].map(n => ({
    flag: n > 0,
    int: n,
    long: n * 5_000_000_000,
    float: n / 4,
    double: n / 3,
    bytes: new Uint8Array([1, 2, 250]),
    fixed: new Uint8Array(4),
    kind: n > 0 ? 'A' : 'C',
    choice: n > 0 ? [n, n] : 'text',
    map: { a: 'b', '': 'c' },
    at: new Date(1_700_000_000_000),
    exact: 1_700_000_000_000_000n,
    day: '2024-02-29',
    price: n > 0 ? '0.01' : '-9999999.99',
    uuid: '0198c0de-7000-7000-8000-00000000000f',
  })),
)

const leaf = (name: string) => ({ name, children: [] })
const tree = subject(
  record('Tree', field('name', 'string'), field('children', array('Tree'))),
  [
    record('Tree', field('children', array('Tree')), field('size', 'int', { default: 1 })),
    record('Tree', field('name', 'string')),
  ],
  [
    { name: 'root', children: [leaf('a'), { name: 'b', children: [leaf('c'), leaf('d')] }, leaf('e')] },
    leaf(''),
  ],
)

const empty = subject(
  record(
    'Empties',
    field('nulls', array('null')),
    field('nothings', array(record('Nothing'))),
    field('maps', map('null')),
    field('end', 'int'),
  ),
  [record('Empties', field('end', 'double'), field('nulls', array(['null', 'int'])))],
  [{ nulls: [null, null, null], nothings: [{}, {}], maps: { a: null }, end: 7 }],
)

const unions = subject(
  record(
    'Shapes',
    field(
      'shapes',
      array([
        'null',
        record('Circle', field('r', 'double')),
        record('Square', field('a', 'float'), field('in', ['null', 'Circle'])),
      ]),
    ),
    field('by', map(['Circle', map('long')])),
  ),
  [
    record(
      'Shapes',
      field(
        'shapes',
        array([
          'null',
          record('Square', field('a', 'double')),
          record('Circle', field('r', 'double'), field('unit', 'string', { default: 'm' })),
        ]),
      ),
    ),
    record('Shapes', field('shapes', array(['null', record('Circle', field('r', 'double'))]))),
  ],
  [
    {
      shapes: [null, { Circle: { r: 1.5 } }, { Square: { a: 2, in: { r: 3 } } }],
      by: { a: { Circle: { r: 1 } }, b: { map: { x: 1, y: -1 } } },
    },
  ],
)

export const subjects: readonly Subject[] = [user, everything, tree, empty, unions]
