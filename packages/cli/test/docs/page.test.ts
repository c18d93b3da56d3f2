import { defineError, defineEvent, defineRequest } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import { html } from '../../dist/docs/html.js'
import { markdown } from '../../dist/docs/markdown.js'
import { type Page, pageOf } from '../../dist/docs/page.js'
import { contracts, described } from '../support/contracts.js'

const test = suite('pages of documentation')
const options = { title: 'accounts', version: '1.2.3' }

/** The rows of all tables of the first entry: name, type, default, doc. */
function rowsOf({ entries }: Page) {
  return entries[0]?.parts
    .flatMap(part => part.tables)
    .map(({ name, rows }) => [
      name,
      ...rows.map(row =>
        [
          row.name,
          row.type.map(piece => (typeof piece === 'string' ? piece : `<${piece.text}>`)).join(''),
          row.default ?? (row.isOptional ? 'optional' : 'required'),
          row.doc ?? '',
        ].join('; '),
      ),
    ])
}

function ofAvro(definition: unknown) {
  const schema = described({ format: 'avro', definition, recordName: 'R' })
  return pageOf([defineEvent('e', { schema })], options)
}

test('an Avro record is a table; records within it have tables of their own', () => {
  const definition = {
    type: 'record',
    name: 'Order',
    namespace: 'shop',
    fields: [
      { name: 'id', type: { type: 'string', logicalType: 'uuid' }, doc: 'Ours' },
      { name: 'total', type: { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 } },
      { name: 'to', type: { type: 'record', name: 'Address', fields: [{ name: 'city', type: 'string' }] } },
      { name: 'from', type: ['null', 'Address'], default: null },
      { name: 'state', type: { type: 'enum', name: 'State', symbols: ['OPEN', 'DONE'] }, default: 'OPEN' },
      { name: 'before', type: { type: 'array', items: 'shop.State' } },
      { name: 'hash', type: { type: 'map', values: { type: 'fixed', name: 'Md5', size: 16 } } },
      { name: 'parts', type: { type: 'array', items: 'Order' }, default: [] },
    ],
  }
  assert.equal(rowsOf(ofAvro(definition)), [
    [
      'Order',
      'id; string (uuid); required; Ours',
      'total; bytes (decimal, 10 digits, 2 of them decimals); required; ',
      'to; <Address>; required; ',
      'from; null | <Address>; null; ',
      'state; State: OPEN | DONE; "OPEN"; ',
      'before; array of State; required; ',
      'hash; map of Md5: 16 bytes; required; ',
      'parts; array of <Order>; []; ',
    ],
    ['Address', 'city; string; required; '],
  ])
})

test('names of other namespaces are told apart', () => {
  const inner = (namespace: string, field: string) => ({
    type: 'record',
    name: 'In',
    namespace,
    fields: [{ name: field, type: 'int' }],
  })
  const fields = [
    { name: 'a', type: inner('one', 'x') },
    { name: 'b', type: inner('two', 'y') },
    { name: 'c', type: 'one.In' },
    { name: 'd', type: 'two.In' },
  ]
  const page = ofAvro({ type: 'record', name: 'R', fields })
  const anchors = page.entries[0]?.parts[0]?.tables[0]?.rows.map(({ type }) =>
    type.map(piece => (typeof piece === 'string' ? piece : piece.anchor)).join(),
  )
  assert.equal(anchors, ['e-In', 'e-In-2', 'e-In', 'e-In-2'])
})

test('an Avro schema that is no record is said in a line', () => {
  const [part] = ofAvro(['null', { type: 'array', items: 'long' }]).entries[0]?.parts ?? []
  assert.equal([part?.note, part?.tables], ['null | array of long', []])
})

test('a JSON Schema is a table: optional properties, rules, objects and lists within it', () => {
  const schema = z.object({
    id: z.string().min(3).describe('Ours'),
    role: z.enum(['admin', 'guest']).default('guest'),
    age: z.int().positive().optional(),
    address: z.object({ city: z.string() }),
    tags: z.array(z.object({ name: z.string().nullable() })),
    pair: z.tuple([z.string(), z.boolean()]),
    scores: z.record(z.string(), z.number()),
    kind: z.literal('user'),
    extra: z.unknown(),
  })
  assert.equal(rowsOf(pageOf([defineEvent('e', { schema })], options)), [
    [
      undefined,
      'id; string; required; Ours (minLength: 3)',
      'role; "admin" | "guest"; "guest"; ',
      'age; integer; optional; (maximum: 9007199254740991, exclusiveMinimum: 0)',
      'address; <address>; required; ',
      'tags; array of <tags[]>; required; ',
      'pair; [string, boolean]; required; (minItems: 2, maxItems: 2)',
      'scores; map of number; required; ',
      'kind; "user"; required; ',
      'extra; any; required; ',
    ],
    ['address', 'city; string; required; '],
    ['tags[]', 'name; string | null; required; '],
  ])
})

test('references, also to the whole and in circles, are followed', () => {
  const definition = {
    title: 'Tree',
    type: 'object',
    required: ['left'],
    properties: {
      left: { $ref: '#' },
      leaf: { $ref: '#/definitions/le~1af%20' },
      lists: { $ref: '#/definitions/lists' },
      lost: { $ref: '#/definitions/lost' },
      far: { $ref: 'https://example.com/x' },
    },
    additionalProperties: { type: 'string', description: 'More' },
    definitions: {
      'le/af ': { type: 'object', properties: { up: { $ref: '#' } } },
      lists: { type: 'array', items: { $ref: '#/definitions/lists' } },
    },
  }
  const schema = described({ format: 'json-schema', definition, recordName: 'Tree' })
  assert.equal(rowsOf(pageOf([defineEvent('e', { schema })], options)), [
    [
      'Tree',
      'left; <Tree>; required; ',
      'leaf; <le/af >; optional; ',
      'lists; array of lists; optional; ',
      'lost; #/definitions/lost; optional; ',
      'far; https://example.com/x; optional; ',
      'any other; string; optional; More',
    ],
    ['le/af ', 'up; <Tree>; optional; '],
  ])
})

for (const definition of [
  true,
  false,
  null,
  7,
  'x',
  [],
  {},
  { properties: null },
  { type: 7, required: 1 },
]) {
  test(`a definition ${JSON.stringify(definition)} ends no page`, () => {
    for (const format of ['avro', 'json-schema'] as const) {
      const page = pageOf([defineEvent('e', { schema: described({ format, definition }) })], options)
      assert.match(html(page), /<\/html>/)
      assert.match(markdown(page), /## e/)
    }
  })
}

test('requests have their reply and their errors, each titled', () => {
  const page = pageOf(contracts, options)
  const request = page.entries.find(({ kind }) => kind === 'request')
  assert.equal(
    request?.parts.map(({ title, note }) => [title, note]),
    [
      ['Request', undefined],
      ['Reply', undefined],
      ['Error NotFound', undefined],
      ['Error Locked', 'Its data has no schema.'],
    ],
  )
})

test('every link of a page leads to one place', () => {
  const twice = [defineEvent('same', { topic: 'a' }), defineEvent('same', { topic: 'b' })]
  const text = html(pageOf([...contracts, ...twice], options))
  const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id as string)
  assert.is(new Set(ids).size, ids.length)
  for (const [, target] of text.matchAll(/href="#([^"]+)"/g))
    assert.ok(ids.includes(target as string), target)
})

const hostile = `<script>alert("1")</script>&amp;'\`|\n# x [a](b) *c* \\`
const hostilePage = () =>
  pageOf(
    [
      defineRequest(hostile.replace(/\s/g, ''), {
        topic: 'hostile',
        request: described(
          {
            format: 'avro',
            definition: {
              type: 'record',
              name: hostile,
              doc: hostile,
              fields: [{ name: hostile, type: hostile, default: hostile, doc: hostile }],
            },
            recordName: hostile,
          },
          hostile,
        ),
        reply: z.string(),
        errors: { X: defineError(hostile.replace(/\s/g, '')) },
      }),
    ],
    { title: hostile, version: hostile, description: hostile },
  )

test('HTML holds nothing that a text brought along', () => {
  const text = html(hostilePage())
  assert.not.match(text, /<script|alert\("/)
  const tags = [...text.matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag)
  for (const tag of ['script', 'img', 'iframe', 'link']) assert.not(tags.includes(tag), tag)
  assert.ok(text.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;&#39;'))
})

test('Markdown keeps its lines, its cells and its links to itself', () => {
  const lines = markdown(hostilePage()).split('\n')
  assert.equal(
    lines.filter(line => /<script|^# x|(?<!\\)\[a\]/.test(line)),
    [],
  )
  const row = lines.find(line => line.startsWith('| <code>')) ?? ''
  assert.is([...row.matchAll(/(?<!\\)\|/g)].length, 5, row)
  assert.ok(row.includes('"&lt;script>alert(\\\\"1'), row)
})

test('HTML stands alone: no script, nothing from elsewhere', () => {
  const text = html(pageOf(contracts, options))
  assert.not.match(text, /<script|<link|<img|src=|https?:|@import|url\(/)
  assert.match(text, /name="viewport"/)
  assert.match(text, /prefers-color-scheme: dark/)
})

test('the order of contracts makes no difference', () => {
  assert.is(
    html(pageOf([...contracts].reverse(), options)),
    html(pageOf([...contracts, ...contracts], options)),
  )
})

test('a list of alternatives is told from alternatives that are lists', () => {
  const type = (items: unknown) => ({ type: 'record', name: 'R', fields: [{ name: 'a', type: items }] })
  const lists: readonly (readonly [definition: unknown, described: string])[] = [
    [{ type: 'array', items: ['null', 'string'] }, 'array of (null | string)'],
    [['null', { type: 'array', items: 'string' }], 'null | array of string'],
    [{ type: 'map', values: ['null', 'string'] }, 'map of (null | string)'],
    [{ type: 'array', items: { type: 'enum', name: 'E', symbols: ['A', 'B'] } }, 'array of (E: A | B)'],
  ]
  for (const [definition, text] of lists) {
    assert.equal(rowsOf(ofAvro(type(definition))), [['R', `a; ${text}; required; `]])
  }
  const either = { anyOf: [{ type: 'string' }, { type: 'null' }] }
  const properties = {
    a: { type: 'array', items: either },
    b: { type: 'object', additionalProperties: either },
  }
  const schema = described({ format: 'json-schema', definition: { type: 'object', properties } })
  assert.equal(rowsOf(pageOf([defineEvent('e', { schema })], options)), [
    [undefined, 'a; array of (string | null); optional; ', 'b; map of (string | null); optional; '],
  ])
})

test('what stands in a cell is one element, so that a narrow screen does not tear it apart', () => {
  const fields = [{ name: 'a', type: { type: 'array', items: { type: 'record', name: 'S', fields: [] } } }]
  const page = html(ofAvro({ type: 'record', name: 'R', fields }))
  assert.match(page, /<td data-column="Type"><div>array of <a href="#e-S">S<\/a><\/div><\/td>/)
  assert.match(page, /<td data-column="Description"><\/td>/)
})

test.run()
