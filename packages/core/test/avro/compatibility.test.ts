import { BusbarError } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CompatibilityMode, checkCompatibility } from '../../dist/avro/compatibility/compatibility.js'
import { enumOf, field, fixed, record } from './parse-cases.js'

const test = suite('checkCompatibility')

const array = (items: unknown) => ({ type: 'array', items })
const map = (values: unknown) => ({ type: 'map', values })
const id = field('id', 'string')
const email = field('email', 'string')
const user = (...fields: Readonly<Record<string, unknown>>[]) => record('shop.User', fields)
const holding = (type: unknown) => record('Order', [field('value', type)])

function check(mode: CompatibilityMode, schema: unknown, ...schemas: unknown[]) {
  return checkCompatibility({ mode, schema, against: schemas.map(each => ({ schema: each })) })
}

const messages = (mode: CompatibilityMode, schema: unknown, ...schemas: unknown[]) =>
  check(mode, schema, ...schemas).problems.map(({ message }) => message)

test('a problem says where, by which rule, with which version, in which direction, and what to do', () => {
  assert.equal(check('BACKWARD', user(id, email), user(id)), {
    compatible: false,
    problems: [
      {
        path: 'User.email',
        rule: 'READER_FIELD_MISSING_DEFAULT_VALUE',
        version: 1,
        direction: 'backward',
        message:
          'User.email (new version cannot read old records): the field has no default and old records do not have it: give it a default',
      },
    ],
    warnings: [],
  })
})

const cat = record('Cat', [field('lives', 'int')])
const dog = record('Dog', [field('age', 'int')])

/** Older and newer, and what is said of reading backward and forward. */
const texts: readonly (readonly [older: unknown, newer: unknown, backward: string[], forward: string[]])[] = [
  [
    user(email),
    user(id),
    [
      'User.id (new version cannot read old records): the field has no default and old records do not have it: give it a default',
    ],
    [
      'User.email (old version cannot read new records): the field has no default in the old version and new records do not have it: keep the field',
    ],
  ],
  [
    holding('int'),
    holding('string'),
    [
      'Order.value (new version cannot read old records): old records may have int, which is not read as string: keep int, or make it long or float or double',
    ],
    [
      'Order.value (old version cannot read new records): new records may have string, which is not read as int of the old version: keep int, or add a field of another name instead',
    ],
  ],
  [
    holding(array('boolean')),
    holding(array(map('null'))),
    [
      'Order.value[] (new version cannot read old records): old records may have boolean, which is not read as map: keep boolean',
    ],
    [
      'Order.value[] (old version cannot read new records): new records may have map, which is not read as boolean of the old version: keep boolean, or add a field of another name instead',
    ],
  ],
  [
    holding(map(['null', 'string', 'int'])),
    holding(map(['null', 'boolean'])),
    [
      'Order.value{} (new version cannot read old records): old records may have string, which no branch of its union (null, boolean) reads: keep that branch',
      'Order.value{} (new version cannot read old records): old records may have int, which no branch of its union (null, boolean) reads: keep that branch',
    ],
    [
      'Order.value{} (old version cannot read new records): new records may have boolean, which no branch of its union in the old version (null, string, int) reads: leave out that branch, or add a field of another name instead',
    ],
  ],
  [
    holding(['null', 'string']),
    holding('string'),
    [
      'Order.value (new version cannot read old records): old records may have null, which is not read as string: keep null',
    ],
    [],
  ],
  [
    holding(enumOf('shop.Size', ['S', 'M', 'L'])),
    holding(enumOf('shop.Size', ['S', 'XL'])),
    [
      'Order.value (new version cannot read old records): old records may have symbols that the enum shop.Size does not (M, L): keep them, or give the enum a default',
    ],
    [
      'Order.value (old version cannot read new records): new records may have symbols that the enum shop.Size does not have in the old version (XL), nor a default for them: leave them out, or add a field of another enum instead',
    ],
  ],
  [
    holding(fixed('F', 4)),
    holding(fixed('F', 8)),
    [
      'Order.value (new version cannot read old records): it has 8 bytes, and 4 in old records: keep the size, or add a field with a default instead',
    ],
    [
      'Order.value (old version cannot read new records): it has 4 bytes in the old version, and 8 in new records: keep the size, or add a field of another name instead',
    ],
  ],
  [
    record('shop.User', [id]),
    record('shop.Person', [id]),
    [
      'Person (new version cannot read old records): its name is shop.Person, and shop.User in old records: keep the name, or give it the alias "shop.User"',
    ],
    [
      'User (old version cannot read new records): its name is shop.User in the old version, and shop.Person in new records: keep the name',
    ],
  ],
  [
    user(field('a', 'int'), field('b', 'int')),
    user(field('c', 'int', { aliases: ['a', 'b'] })),
    [
      'User.c (new version cannot read old records): its name and aliases stand for several fields of old records (a, b): leave out aliases, so that one is left',
    ],
    [
      'User.a (old version cannot read new records): the field has no default in the old version and new records do not have it: keep the field',
      'User.b (old version cannot read new records): the field has no default in the old version and new records do not have it: keep the field',
    ],
  ],
  [
    user(field('c', 'int', { aliases: ['a', 'b'] })),
    user(field('a', 'int'), field('b', 'int'), field('c', 'int')),
    [
      'User.a (new version cannot read old records): the field has no default and old records do not have it: give it a default',
      'User.b (new version cannot read old records): the field has no default and old records do not have it: give it a default',
    ],
    [
      'User.c (old version cannot read new records): its name and aliases in the old version stand for several fields of new records (a, b, c): leave out fields, so that one is left',
    ],
  ],
  // The branch that is meant says more than that none fits; null beside it is not worth a word.
  [
    holding([cat, dog]),
    holding(['null', cat, { ...dog, fields: [field('name', 'string')] }]),
    [
      'Order.value(Dog).name (new version cannot read old records): the field has no default and old records do not have it: give it a default',
    ],
    [
      'Order.value (old version cannot read new records): new records may have null, which no branch of its union in the old version (Cat, Dog) reads: leave out that branch, or add a field of another name instead',
      'Order.value(Dog).age (old version cannot read new records): the field has no default in the old version and new records do not have it: keep the field',
    ],
  ],
  // Another record than the reader's has no fields to compare.
  [
    holding(cat),
    holding([cat, dog]),
    [],
    [
      'Order.value (old version cannot read new records): its name is Cat in the old version, and Dog in new records: keep the name',
    ],
  ],
  // A record that is used in two places is told of once, a recursive one ends.
  [
    record('Pair', [
      field('left', ['null', user(field('next', ['null', 'shop.User']))]),
      field('right', ['null', 'shop.User']),
    ]),
    record('Pair', [
      field('left', ['null', user(id, field('next', ['null', 'shop.User']))]),
      field('right', ['null', 'shop.User']),
    ]),
    [
      'Pair.left.id (new version cannot read old records): the field has no default and old records do not have it: give it a default',
    ],
    [],
  ],
  [
    'int',
    array('long'),
    [
      'array (new version cannot read old records): old records may have int, which is not read as array: keep int, or make it long or float or double',
    ],
    [
      'int (old version cannot read new records): new records may have array, which is not read as int of the old version: keep int, or add a field of another name instead',
    ],
  ],
  [
    ['int'],
    [],
    [
      'union (new version cannot read old records): old records may have int, which no branch of its union (none) reads: keep that branch',
    ],
    [],
  ],
]

for (const [older, newer, backward, forward] of texts) {
  test(`says: ${[...backward, ...forward].join(' | ')}`, () => {
    assert.equal(messages('BACKWARD', newer, older), backward)
    assert.equal(messages('FORWARD', newer, older), forward)
    assert.equal(messages('FULL', newer, older), [...backward, ...forward])
    assert.equal(messages('NONE', newer, older), [])
  })
}

const one = user(id)
const two = user(id, field('email', 'string', { default: '' }))
const three = user(id, email)

test('only transitive modes look further back than the latest version', () => {
  const verdicts = (schema: unknown, ...versions: unknown[]) =>
    Object.fromEntries(
      (['BACKWARD', 'FORWARD', 'FULL'] as const).map(mode => [
        mode,
        [
          check(mode, schema, ...versions).compatible,
          check(`${mode}_TRANSITIVE`, schema, ...versions).compatible,
        ],
      ]),
    )
  assert.equal(verdicts(three, one, two), {
    BACKWARD: [true, false],
    FORWARD: [true, true],
    FULL: [true, false],
  })
  assert.equal(verdicts(one, three, two), {
    BACKWARD: [true, true],
    FORWARD: [true, false],
    FULL: [true, false],
  })
})

test('problems name the version: its number, or its place', () => {
  const said = (against: readonly { version?: number; schema: unknown }[], mode: CompatibilityMode) =>
    checkCompatibility({ mode, schema: three, against }).problems.map(({ version, message }) => [
      version,
      message.slice(0, message.indexOf(':')),
    ])
  assert.equal(said([{ schema: one }, { schema: two }], 'BACKWARD_TRANSITIVE'), [
    [1, 'User.email (new version cannot read records of version 1)'],
  ])
  assert.equal(said([{ version: 7, schema: one }], 'FULL'), [
    [7, 'User.email (new version cannot read records of version 7)'],
  ])
  const numbered = checkCompatibility({
    mode: 'FORWARD',
    schema: one,
    against: [{ version: 7, schema: three }],
  })
  assert.is(
    numbered.problems[0]?.message,
    'User.email (version 7 cannot read new records): the field has no default in version 7 and new records do not have it: keep the field',
  )
})

test('the first version is compatible with nothing to compare it with', () => {
  for (const mode of ['BACKWARD', 'FULL_TRANSITIVE', 'NONE'] as const) {
    assert.equal(check(mode, one), { compatible: true, problems: [], warnings: [] })
  }
})

test('takes definitions, documents and codecs, and what they refer to', () => {
  const document = { format: 'avro', definition: three } as const
  const codec = { contentType: 'avro/binary', schema: document, encode: () => {}, decode: () => {} }
  for (const schema of [three, document, codec]) {
    assert.is(check('BACKWARD', schema, one).compatible, false)
    assert.is(check('BACKWARD', one, schema).compatible, true)
    // A codec has its document as `schema`, as a version has.
    if (schema === codec)
      assert.is(checkCompatibility({ mode: 'FORWARD', schema: one, against: [codec] }).compatible, false)
  }
  const order = record('shop.Order', [field('buyer', 'User')])
  const result = checkCompatibility({
    mode: 'FULL',
    schema: order,
    references: [three],
    against: [
      { version: 3, schema: order, references: [document] },
      { version: 4, schema: order, references: [one] },
    ],
  })
  assert.equal(
    result.problems.map(({ path, direction }) => [path, direction]),
    [['Order.buyer.email', 'backward']],
  )
})

test('an assumption about a recursive type that turns out wrong is not kept', () => {
  // The reader's A is no match for the writer's, but the union has another branch for it. The reader's B has only A.
  const b = record('B', [field('a', ['null', 'A'])])
  const writer = record('Root', [field('any', record('A', [field('b', ['null', b])])), field('b', 'B')])
  const stricter = record('A', [field('b', ['null', b]), field('n', 'int')])
  const substitute = record('Substitute', [], { aliases: ['A'] })
  const reader = record('Root', [field('any', [stricter, substitute]), field('b', 'B')])
  assert.equal(
    check('BACKWARD', reader, writer).problems.map(({ path }) => path),
    ['Root.b.a.n'],
  )
})

test('what gives the same bytes another meaning is a warning', () => {
  const decimal = (precision: number, scale?: number) => ({
    type: 'bytes',
    logicalType: 'decimal',
    precision,
    scale,
  })
  const millis = { type: 'long', logicalType: 'timestamp-millis' }
  const warnings = (newer: unknown, older: unknown, mode: CompatibilityMode = 'FULL') => {
    const result = check(mode, newer, older)
    assert.is(result.compatible, true)
    for (const { rule } of result.warnings) assert.is(rule, 'LOGICAL_TYPE_CHANGED')
    return result.warnings.map(({ message }) => message)
  }
  assert.equal(warnings(holding(['null', decimal(9, 4)]), holding(decimal(9, 2)), 'BACKWARD'), [
    'Order.value (new version reads old records): its logical type is decimal(9, 4), and decimal(9, 2) in old records, so that the same bytes may mean another value, which Avro does not check: keep it, or add a field of another name instead',
  ])
  assert.is(warnings(holding(array(millis)), holding(array('long'))).length, 1)
  assert.is(warnings(holding(map('int')), holding(map({ type: 'int', logicalType: 'date' }))).length, 1)
  assert.equal(warnings(holding(decimal(9)), holding(decimal(9, 0))), [])
  assert.equal(warnings(holding([millis, 'string']), holding(['string', millis])), [])
  assert.equal(warnings(holding('long'), holding(millis), 'NONE'), [])
})

function reasonOf(work: () => unknown): BusbarError {
  try {
    work()
  } catch (error) {
    assert.instance(error, BusbarError)
    return error as BusbarError
  }
  throw new Error('it succeeded')
}

test('what cannot be compared is said so', () => {
  assert.is(reasonOf(() => check('BACKWARD', { type: 'recrod' })).code, 'SCHEMA_INVALID')
  assert.is(reasonOf(() => check('BACKWARD', one, 'nothing')).code, 'SCHEMA_INVALID')
  const json = reasonOf(() => check('BACKWARD', { format: 'json-schema', definition: {} }, one))
  assert.is(json.message, 'only Avro schemas can be compared, this one is json-schema')
  const mode = reasonOf(() => check('BACKWARDS' as CompatibilityMode, one))
  assert.is(mode.code, 'CONFIG_INVALID')
  assert.match(
    mode.message,
    /^"BACKWARDS" is no compatibility mode: use one of BACKWARD, BACKWARD_TRANSITIVE, /,
  )
})

test('the defaults of the new version must be right, those of earlier ones are as they are', () => {
  const wrong = user(field('n', 'int', { default: 'text' }))
  assert.match(
    reasonOf(() => check('BACKWARD', wrong)).message,
    /field n of record shop.User: its default must be/,
  )
  assert.is(check('FULL', user(field('n', 'int')), wrong).compatible, true)
})

test.run()
