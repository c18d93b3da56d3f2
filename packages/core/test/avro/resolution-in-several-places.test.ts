import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encoded, untyped } from './untyped.js'

const test = suite('resolution of one record in several places')

const record = (name: string, ...fields: readonly object[]) => ({ type: 'record', name, fields })
const text = { name: 'text', type: 'string' }

test('a branch that cannot be read is passed over in every place', () => {
  const writer = untyped(
    record('Pair', { name: 'a', type: record('Note', text) }, { name: 'b', type: 'Note' }),
  )
  const reader = untyped(
    record(
      'Pair',
      { name: 'a', type: [record('old.Note', { name: 'page', type: 'int' }), record('current.Note', text)] },
      { name: 'b', type: ['old.Note', 'current.Note'] },
    ),
  )
  const bytes = encoded(writer, { a: { text: '1' }, b: { text: '2' } })
  assert.equal(reader.decode(bytes, writer.dataSchema), {
    a: { 'current.Note': { text: '1' } },
    b: { 'current.Note': { text: '2' } },
  })
})

test.run()
