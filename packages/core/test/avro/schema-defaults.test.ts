import { javaAvro } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseSchema } from '../../dist/avro/schema/parse-schema.js'
import { checkSchemaDefaults } from '../../dist/avro/schema/schema-defaults.js'
import { enumOf, field, fixed, record } from './parse-cases.js'

const test = suite('checkSchemaDefaults')
const java = await javaAvro()

const array = (items: unknown) => ({ type: 'array', items })
const map = (values: unknown) => ({ type: 'map', values })
const inner = (type: unknown, more = {}) => record('B', [field('x', type, more)])

/** A type, a default, what is wrong with it, and why Java says otherwise if it does. */
const cases: readonly (readonly [type: unknown, value: unknown, problem?: string, javaDiffers?: string])[] = [
  ['null', null],
  ['null', 0, 'must be null, and is of type number'],
  ['boolean', false],
  ['boolean', 'true', 'must be a boolean, and is of type string'],
  ['string', ''],
  ['string', null, 'must be a string, and is null'],
  ['int', -(2 ** 31)],
  ['int', 2 ** 31, 'must be an integer of 32 bits, and is of type number'],
  ['int', 1.5, 'must be an integer of 32 bits, and is of type number'],
  ['int', '1', 'must be an integer of 32 bits, and is of type string'],
  ['long', 2 ** 53],
  ['long', 2 ** 64, 'must be an integer of 64 bits, and is of type number'],
  ['float', 1],
  ['float', 'NaN', 'must be a number, and is of type string', 'it reads names of special numbers'],
  ['double', 1e300],
  ['bytes', '\u0000\u00ff'],
  ['bytes', '\u0100', 'must be a text of code points up to 255, and is of type string', 'it looks no closer'],
  [fixed('F', 2), 'ab'],
  [
    fixed('F', 2),
    'a',
    'must be a text of 2 code points up to 255, and is of type string',
    'it looks no closer',
  ],
  [enumOf('E', ['x']), 'x'],
  [enumOf('E', ['x']), 'y', 'is no symbol of enum E', 'it looks no closer'],
  [enumOf('E', ['x']), 1, 'must be a symbol, and is of type number'],
  [array('int'), []],
  [array('int'), [1, 2]],
  [array('int'), [1, 'x'], 'must be an integer of 32 bits, and is of type string (at [1])'],
  [array('int'), {}, 'must be an array, and is of type object'],
  [map('int'), { k: 1 }],
  [map('int'), { k: 'x' }, 'must be an integer of 32 bits, and is of type string (at ["k"])'],
  [map('int'), [], 'must be an object, and is an array'],
  [inner('int'), { x: 1 }],
  [inner('int'), { x: 1, y: 2 }],
  [inner('int'), {}, 'lacks the field x of record B'],
  [inner('int', { default: 3 }), {}],
  [inner(array('string')), { x: [1] }, 'must be a string, and is of type number (at [0]) (at .x)'],
  [['null', 'int'], null],
  [['null', 'int'], 1],
  [['int', 'null'], null],
  [['int', 'null'], 'x', 'is of no branch of its union (int, null)'],
  [array(['null', 'int']), [null, 1]],
  [[], null, 'is of no branch of its union ()'],
]

for (const [type, value, problem, javaDiffers] of cases) {
  const schema = record('A', [field('a', type, { default: value })])
  const name = `${JSON.stringify(value)} for ${JSON.stringify(type)}`

  test(`${name}: ${problem ?? 'allowed'}`, () => {
    const check = () => checkSchemaDefaults(parseSchema(schema))
    if (problem === undefined) return check()
    const message = `this Avro schema is not valid: field a of record A: its default ${problem}`
    assert.throws(check, (error: Error) => {
      assert.is(error.message, message)
      return true
    })
  })

  if (java !== undefined) {
    test(`${name}: ${javaDiffers === undefined ? 'as in Java' : `not as in Java: ${javaDiffers}`}`, async () => {
      const isValid = await java.canonical(schema).then(
        () => true,
        () => false,
      )
      assert.is(isValid, (problem === undefined) === (javaDiffers === undefined))
    })
  }
}

test('finds the fields of records that are nested, or recursive', () => {
  const wrong = record('C', [field('x', 'int', { default: 'text' }), field('again', ['null', 'A'])])
  for (const type of [wrong, array(wrong), map(wrong), ['null', wrong]]) {
    assert.throws(
      () => checkSchemaDefaults(parseSchema(record('A', [field('a', type)]))),
      /field x of record C: its default must be an integer of 32 bits/,
    )
  }
})

test.run()
