import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { header } from './support/compile.js'
import { inEditor } from './support/language-server.js'

const test = suite('Avro schemas in an editor')

test('shows plain types', async () => {
  const source = `${header}
const UserCreated = defineEvent('UserCreated', { schema: avro({ type: 'record', name: 'UserCreated', fields: [
  { name: 'id', type: 'string' },
  { name: 'name', type: 'string' },
  { name: 'email', type: 'string', default: '' },
] }) })
type «1»Payload = EventPayload<typeof UserCreated>
type «2»Given = EventInput<typeof UserCreated>
const «3»codec = avro({ type: 'array', items: ['null', 'Suit', { type: 'enum', name: 'Suit', symbols: ['A', 'B'] }] })
bus.subscribe(UserCreated, user => void user.«4»email)
`
  await inEditor(source, async editor => {
    const hover = (mark: number) => deadline(30_000, `what is shown at ${mark}`, editor.hover(mark))
    assert.is(await hover(1), 'type Payload = { email: string; id: string; name: string; }')
    assert.is(await hover(2), 'type Given = { email?: string | undefined; id: string; name: string; }')
    assert.is(
      await hover(3),
      'const codec: AvroCodec<readonly ("A" | "B" | null)[], ("A" | "B" | null)[], "array">',
    )
    assert.is(await hover(4), '(property) email: string')
  })
})

const primitives = ['boolean', 'bytes', 'double', 'float', 'int', 'long', 'null', 'string']

test('proposes what may stand where the cursor is', async () => {
  const source = `${header}
avro({ type: '«1»' })
avro({ type: 'record', name: 'X', fields: [{ name: 'a', type: '«2»' }, { name: 'b', «3» }] })
avro({ type: 'map', «4» })
avro({ type: 'array', items: ['null', '«5»'] })
avro('string', { long: '«6»' })
`
  const declarations = ['array', 'enum', 'error', 'fixed', 'map', 'record']
  await inEditor(source, async editor => {
    const proposed = (mark: number) =>
      deadline(30_000, `what is proposed at ${mark}`, editor.completions(mark))
    assert.equal(await proposed(1), [...declarations, ...primitives].sort())
    assert.equal(
      await proposed(2),
      ['X', 'array', 'map', ...primitives].sort(),
      'and the names that the schema declares',
    )
    assert.equal(await proposed(3), ['aliases', 'default', 'doc', 'items', 'order', 'type', 'values'])
    const forMap = await proposed(4)
    assert.ok(forMap.includes('values'), String(forMap))
    assert.not.ok(
      forMap.some(key => ['encode', 'trim', 'fields'].includes(key)),
      String(forMap),
    )
    assert.equal(await proposed(5), primitives)
    assert.equal(await proposed(6), ['bigint', 'number'])
  })
})

test.run()
