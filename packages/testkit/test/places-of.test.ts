import { placesOf } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('placesOf')

test('finds a text wherever a logger could reach it', () => {
  const error = Object.assign(new Error('outer', { cause: new Error('with mark in it') }), { detail: 'mark' })
  error.stack = ''
  if (error.cause instanceof Error) error.cause.stack = ''
  assert.equal(placesOf('mark', error).sort(), ['cause.message', 'detail'])
  assert.equal(placesOf('mark', { a: [{ b: Buffer.from('a mark') }], c: new Map([['k', 'mark']]) }), [
    'a.0.b',
    'c.0.1',
  ])
  assert.equal(placesOf('mark', { mark: 1, nested: new Set(['mark']) }), ['mark', 'nested.0'])
  const hidden = Object.defineProperty({}, 'hidden', { value: 'mark', enumerable: false })
  assert.equal(placesOf('mark', hidden), ['hidden'])
  const computed = Object.defineProperty({}, 'computed', { get: () => 'mark' })
  assert.equal(placesOf('mark', computed), ['computed'])
})

test('ends in a circle, and finds nothing where there is nothing', () => {
  const circle: Record<string, unknown> = {
    other: 'text',
    bytes: Buffer.from('text'),
    error: new Error('no'),
  }
  circle['self'] = circle
  assert.equal(placesOf('mark', circle), [])
  assert.equal(placesOf('mark', 'mark'), [''])
})

test.run()
