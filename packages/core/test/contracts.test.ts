import { createContextKey, DeclaredError, defineError, defineEvent, defineRequest } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import { ContextValues } from '../dist/context-values.js'
import { throws } from './support/assertions.js'

const test = suite('contracts')

test('an event has its name as its topic, no key, and is frozen', () => {
  const event = defineEvent('user.created')
  assert.equal([event.kind, event.name, event.topic], ['event', 'user.created', { name: 'user.created' }])
  assert.equal([event.key, event.foreign], [undefined, false])
  assert.throws(() => {
    ;(event as { name: string }).name = 'other'
  })
})

test('an event takes a topic by name or with settings', () => {
  assert.is(defineEvent('e', { topic: 'users' }).topic.name, 'users')
  const topic = { name: 'users', partitions: 12, replication: 3, config: { 'cleanup.policy': 'compact' } }
  assert.equal(defineEvent('e', { topic }).topic, topic)
})

for (const name of ['', ' ', 'a b', 'a\n', '\u0000', '\ud800', 7, null, undefined]) {
  test(`${JSON.stringify(name)} is no name of anything`, () => {
    throws(() => defineEvent(name as string), 'CONFIG_INVALID')
    throws(() => defineRequest(name as string), 'CONFIG_INVALID')
    throws(() => defineError(name as string), 'CONFIG_INVALID')
  })
}

for (const topic of ['', '.', '..', 'a/b', 'ü', 'a b', 'x'.repeat(250)]) {
  test(`${JSON.stringify(topic.slice(0, 9))} of ${topic.length} is no topic`, () => {
    throws(() => defineEvent('e', { topic }), 'TOPIC_INVALID')
    throws(() => defineRequest('r', { topic: { name: topic } }), 'TOPIC_INVALID')
  })
}

test('a name that Kafka would refuse as a topic works with a topic of its own', () => {
  assert.match(throws(() => defineEvent('größe'), 'TOPIC_INVALID').message, /option "topic"/)
  assert.is(defineEvent('größe', { topic: 'sizes' }).name, 'größe')
  assert.is(defineEvent('x'.repeat(249)).topic.name.length, 249)
})

for (const bad of [0, -1, 1.5, Number.NaN, '3']) {
  test(`${bad} is no number of partitions or copies`, () => {
    throws(() => defineEvent('e', { topic: { name: 't', partitions: bad as number } }), 'TOPIC_INVALID')
    throws(() => defineEvent('e', { topic: { name: 't', replication: bad as number } }), 'TOPIC_INVALID')
  })
}

test('a declared error is a class with a name, a code and typed data', () => {
  const NotFound = defineError('NotFound', { data: z.object({ id: z.string() }) })
  const error = new NotFound({ id: '7' })
  assert.instance(error, NotFound)
  assert.instance(error, DeclaredError)
  assert.equal(
    [error.name, error.code, error.retryable, error.message],
    ['NotFound', 'DECLARED', false, 'NotFound'],
  )
  assert.equal(error.data, { id: '7' })
  assert.is(new NotFound({ id: '7' }, 'no user 7').message, 'no user 7')
})

test('two errors of one name cannot belong to one request', () => {
  const errors = { A: defineError('Same'), B: defineError('Same') }
  throws(() => defineRequest('r', { errors }), 'CONFIG_INVALID')
})

test('context values have a default until they are set, and keys are told apart by identity', () => {
  const one = createContextKey('user', 'nobody')
  const other = createContextKey('user', 'nobody')
  const values = new ContextValues().set(one, 'ada')
  assert.equal([values.get(one), values.get(other)], ['ada', 'nobody'])
  const maybe = createContextKey<string | undefined>('maybe', 'default')
  assert.is(values.set(maybe, undefined).get(maybe), undefined)
})

test.run()
