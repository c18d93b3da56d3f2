import { array, BACKWARD, BOTH, FORWARD, field, NEITHER, pair, record, type SchemaPair } from './pair.js'

const id = field('id', 'string')
const email = field('email', 'string')
const user = (...fields: Readonly<Record<string, unknown>>[]) => record('User', fields)
const inOrder = (type: unknown, more = {}) => record('Order', [field('buyer', type, more)])

/** The newer A has no match in the older one but by the substitute's alias; B knows only A. */
const nodeB = record('B', [field('a', ['null', 'A'])])
const nodeA = record('A', [field('b', ['null', nodeB])])
const stricterA = record('A', [field('b', ['null', nodeB]), field('n', 'int')])
const substituteA = record('Substitute', [], { aliases: ['A'] })

/** Fields that come, go, move, are renamed; nested and recursive records. */
export const recordPairs: readonly SchemaPair[] = [
  pair('nothing changes', user(id, email), user(id, email), BOTH),
  pair('a field with a default comes', user(id), user(id, field('email', 'string', { default: '' })), BOTH),
  pair('a field without default comes', user(id), user(id, email), FORWARD),
  pair('a field with a default goes', user(id, field('email', 'string', { default: '' })), user(id), BOTH),
  pair('a field without default goes', user(id, email), user(id), BACKWARD),
  pair(
    'a nullable field without default comes',
    user(id),
    user(id, field('email', ['null', 'string'])),
    FORWARD,
  ),
  pair(
    'a nullable field with default null comes',
    user(id),
    user(id, field('email', ['null', 'string'], { default: null })),
    BOTH,
  ),
  pair('one field goes, another comes', user(email), user(id), NEITHER),
  pair('fields change places', user(id, email), user(email, id), BOTH),
  pair('a default comes', user(email), user(field('email', 'string', { default: 'none' })), BOTH),
  pair(
    'a default changes',
    user(field('n', 'int', { default: 1 })),
    user(field('n', 'int', { default: 2 })),
    BOTH,
  ),
  pair(
    'docs, orders and attributes change',
    user(field('n', 'int', { doc: 'a', order: 'ignore' })),
    user(field('n', 'int', { owner: 'b' })),
    BOTH,
  ),
  pair('a field is renamed', user(email), user(field('mail', 'string')), NEITHER),
  pair(
    'a field is renamed, with an alias',
    user(email),
    user(field('mail', 'string', { aliases: ['email'] })),
    BACKWARD,
  ),
  pair(
    'a field is renamed, with an alias and defaults on both sides',
    user(field('email', 'string', { default: '' })),
    user(field('mail', 'string', { aliases: ['email'], default: '' })),
    BOTH,
  ),
  pair(
    'a field is renamed and widens',
    user(field('count', 'int')),
    user(field('total', 'long', { aliases: ['n', 'count'] })),
    BACKWARD,
  ),
  pair(
    'an alias of a field that never was',
    user(id),
    user(field('id', 'string', { aliases: ['key'] })),
    BOTH,
  ),
  pair(
    'a field whose alias is a field of its own type too',
    user(field('a', 'int'), field('b', 'int')),
    user(field('a', 'int', { aliases: ['b'] })),
    NEITHER,
    {
      by: 'java',
      direction: 'backward',
      says: 'error',
      why: 'two fields of the records match one of the reader: it throws',
    },
    {
      by: 'registry',
      direction: 'backward',
      says: 'error',
      why: 'Java throws: it answers 422, as for a schema that is none',
    },
  ),
  pair('a record is renamed', record('User', [id]), record('Person', [id]), NEITHER),
  pair(
    'a record is renamed, with an alias',
    record('User', [id]),
    record('Person', [id], { aliases: ['User'] }),
    BACKWARD,
  ),
  pair('a record moves to another namespace', record('a.User', [id]), record('b.User', [id]), BOTH),
  pair(
    'a record is renamed in its namespace, with an alias',
    record('a.User', [id]),
    record('a.Person', [id], { aliases: ['User'] }),
    BACKWARD,
  ),
  pair(
    'an alias in another namespace than the record was',
    record('a.User', [id]),
    record('b.Person', [id], { aliases: ['User'] }),
    NEITHER,
  ),
  pair('an error and a record', { type: 'error', name: 'E', fields: [id] }, record('E', [id]), BOTH),
  pair(
    'a nested record gets a field with a default',
    inOrder(user(id)),
    inOrder(user(id, field('n', 'int', { default: 0 }))),
    BOTH,
  ),
  pair('a nested record gets a field without default', inOrder(user(id)), inOrder(user(id, email)), FORWARD),
  pair('a nested record is renamed', inOrder(record('User', [id])), inOrder(record('Person', [id])), NEITHER),
  pair('a record becomes text', inOrder(user(id)), inOrder('string'), NEITHER),
  pair(
    'items of an array of records widen',
    inOrder(array(user(field('n', 'int')))),
    inOrder(array(user(field('n', 'long')))),
    BACKWARD,
  ),
  pair(
    'a recursive record gets a field with a default',
    record('Node', [field('next', ['null', 'Node'])]),
    record('Node', [field('next', ['null', 'Node']), field('n', 'int', { default: 0 })]),
    BOTH,
  ),
  pair(
    'a recursive record gets a field without default',
    record('Node', [field('next', ['null', 'Node'])]),
    record('Node', [field('next', ['null', 'Node']), field('n', 'int')]),
    FORWARD,
  ),
  pair(
    'a recursive record stops',
    record('Node', [field('next', ['null', 'Node'])]),
    record('Node', [field('next', 'null')]),
    FORWARD,
  ),
  pair(
    'two records that hold each other widen',
    record('A', [field('b', ['null', record('B', [field('a', ['null', 'A']), field('n', 'int')])])]),
    record('A', [field('b', ['null', record('B', [field('a', ['null', 'A']), field('n', 'double')])])]),
    BACKWARD,
  ),
  pair(
    'an empty record',
    record('Nothing'),
    record('Nothing', [field('a', 'null', { default: null })]),
    BOTH,
  ),
  pair(
    'a recursive record that only another branch of a union stands in for',
    record('Root', [field('any', nodeA), field('b', 'B')]),
    record('Root', [field('any', [stricterA, substituteA]), field('b', 'B')]),
    NEITHER,
    ...(['java', 'registry'] as const).map(by => ({
      by,
      direction: 'backward' as const,
      says: true,
      why: 'Java keeps that B is readable, which it concluded while A was still taken to be; reading then fails',
    })),
  ),
]
