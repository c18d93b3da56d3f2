import { enumOf, field, holding, record, type SchemaHistory } from './pair.js'

const id = field('id', 'string')
const required = record('User', [id, field('email', 'string')])
const optional = record('User', [id, field('email', 'string', { default: '' })])
const without = record('User', [id])
const size = (symbols: readonly string[], more = {}) => holding(enumOf('Size', symbols, more))

const backward = ['BACKWARD', 'BACKWARD_TRANSITIVE']
const forward = ['FORWARD', 'FORWARD_TRANSITIVE']

/** Three versions each: what the latest allows, an earlier one may not. */
export const schemaHistories: readonly SchemaHistory[] = [
  {
    name: 'a field comes with a default, and loses it',
    versions: [without, optional],
    newer: required,
    allowedBy: ['BACKWARD', ...forward, 'FULL'],
  },
  {
    name: 'a field gets a default, and goes',
    versions: [required, optional],
    newer: without,
    allowedBy: [...backward, 'FORWARD', 'FULL'],
  },
  {
    name: 'a type widens twice',
    versions: [holding('int'), holding('long')],
    newer: holding('double'),
    allowedBy: backward,
  },
  {
    name: 'a type widens, and becomes what it was',
    versions: [holding('int'), holding('long')],
    newer: holding('int'),
    allowedBy: forward,
  },
  {
    name: 'an enum gets a default, then a symbol',
    versions: [size(['S', 'M']), size(['S', 'M'], { default: 'S' })],
    newer: size(['S', 'L'], { default: 'S' }),
    allowedBy: [...backward, 'FORWARD', 'FULL'],
  },
  {
    name: 'a field is renamed twice, each time with the last name as its alias',
    versions: [
      record('User', [field('mail', 'string')]),
      record('User', [field('email', 'string', { aliases: ['mail'] })]),
    ],
    newer: record('User', [field('address', 'string', { aliases: ['email'] })]),
    allowedBy: ['BACKWARD'],
  },
  {
    name: 'a type becomes nullable, and is no longer',
    versions: [holding('string'), holding(['null', 'string'])],
    newer: holding('string'),
    allowedBy: forward,
  },
  {
    name: 'docs change',
    versions: [record('User', [id], { doc: 'one' }), record('User', [id], { doc: 'two' })],
    newer: record('User', [id], { doc: 'three' }),
    allowedBy: [...backward, ...forward, 'FULL', 'FULL_TRANSITIVE'],
  },
]
