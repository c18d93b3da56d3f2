import { defineEvent } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { envelopeHeaders, readEnvelope } from '../dist/envelope.js'
import { checkUserHeaders, MessageHeaders } from '../dist/headers.js'
import { throws } from './support/assertions.js'
import { bytes, inbound, text } from './support/deliveries.js'

const test = suite('headers and envelope')
const notText = Uint8Array.from([0xff, 0xfe])

test('a header that is not UTF-8 is readable as bytes, and get says how', () => {
  const headers = new MessageHeaders({ raw: notText })
  assert.equal(headers.bytes('raw'), notText)
  assert.match(throws(() => headers.get('raw'), 'HEADER_INVALID').message, /bytes\("raw"\)/)
})

test('of a name that occurs more than once the last value counts, and iteration gives all', () => {
  const headers = new MessageHeaders({ a: [bytes('1'), bytes('2')], b: bytes('3') })
  assert.is(headers.get('a'), '2')
  assert.equal(
    [...headers].map(([name, value]) => name + text(value)),
    ['a1', 'a2', 'b3'],
  )
})

test('headers are only what was sent, not what objects have anyway', () => {
  const headers = new MessageHeaders({})
  for (const name of ['constructor', '__proto__', 'toString']) {
    assert.equal([headers.get(name), headers.bytes(name), headers.has(name)], [undefined, undefined, false])
  }
})

test('text is kept to the letter, a byte order mark and nothing at all included', () => {
  const headers = new MessageHeaders({ bom: bytes('\ufeffx'), empty: bytes('') })
  assert.equal([headers.get('bom'), headers.get('empty'), headers.has('empty')], ['\ufeffx', '', true])
})

const refused: [string, unknown][] = [
  ['', 'x'],
  ['ce_id', 'x'],
  ['ce_custom', 'x'],
  ['busbar-x', 'x'],
  ['kafka_x', 'x'],
  ['content-type', 'x'],
  ['__proto__', 'x'],
  ['lone', '\ud800'],
  ['\udc00', 'x'],
  ['\udc00', notText],
  ['number', 7],
  ['nothing', null],
]
for (const [name, value] of refused) {
  test(`publishing refuses the header ${JSON.stringify(name)} with ${String(value)}`, () => {
    const headers = Object.fromEntries([[name, value]]) as Record<string, string>
    throws(() => checkUserHeaders(headers, 'publishing'), 'HEADER_INVALID')
  })
}

test('other names and any bytes are fine', () => {
  checkUserHeaders(
    { traceparent: '00-x', CE_ID: 'x', 'content-type-x': 'x', raw: notText, ä: '😀' },
    'publishing',
  )
})

test('a record carries CloudEvents 1.0 in binary mode, and its time as RFC 3339', () => {
  const { codec } = defineEvent('user.created')
  const headers = envelopeHeaders({ id: '1', type: 'user.created', source: 'accounts' }, 0, codec)
  assert.equal(headers, {
    ce_specversion: '1.0',
    ce_id: '1',
    ce_type: 'user.created',
    ce_source: 'accounts',
    ce_time: '1970-01-01T00:00:00.000Z',
    'content-type': 'application/json',
  })
})

test('ce_dataschema is there where the codec has one', () => {
  const codec = { ...defineEvent('e').codec, dataSchema: 'urn:x' }
  assert.is(envelopeHeaders({ id: '1', type: 'e', source: 's' }, 0, codec)['ce_dataschema'], 'urn:x')
})

test('a record without ce_type has no envelope; without id or source it has what stands for them', () => {
  assert.is(readEnvelope(inbound({ headers: { ce_id: bytes('1') } })), undefined)
  const record = inbound({ headers: { ce_type: bytes('e') }, offset: 7 })
  assert.equal(readEnvelope(record), { type: 'e', id: 't/0@7', source: '' })
})

for (const name of ['ce_type', 'ce_id', 'ce_source']) {
  test(`a ${name} that is not UTF-8 makes the envelope unreadable`, () => {
    const headers = { ce_type: bytes('e'), [name]: notText }
    throws(() => readEnvelope(inbound({ headers })), 'ENVELOPE_INVALID')
  })
}

test.run()
