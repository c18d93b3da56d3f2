import { BusbarError } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { kafkaError } from '../dist/kafka-error.js'

const test = suite('kafkaError')
const context = { doing: 'Testing', fallback: 'INTERNAL' } as const
const withMarks = (message: string, marks: object) => Object.assign(new Error(message), marks)

const cases: readonly (readonly [string, unknown, string, RegExp?])[] = [
  ['a Kafka error by its type', withMarks('no', { type: 'TOPIC_AUTHORIZATION_FAILED' }), 'TOPIC_DENIED'],
  [
    'the cause of a retry',
    withMarks('retries', {
      name: 'KafkaJSNumberOfRetriesExceeded',
      cause: withMarks('self-signed', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }),
    }),
    'TLS_FAILED',
    /ssl\.ca/,
  ],
  [
    'a refused connection with its address',
    withMarks('Connection error: ', { name: 'KafkaJSConnectionError', code: 'ECONNREFUSED', broker: 'h:1' }),
    'CONNECTION_FAILED',
    /ECONNREFUSED.*h:1/,
  ],
  [
    'the errors of an AggregateError',
    new AggregateError([withMarks('x', { code: 'ENOTFOUND' })]),
    'CONNECTION_FAILED',
    /resolved/,
  ],
  ['a size', withMarks('big', { type: 'MESSAGE_TOO_LARGE' }), 'RECORD_TOO_LARGE'],
  [
    'an unknown OpenSSL error',
    withMarks('ssl', { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' }),
    'TLS_FAILED',
  ],
  [
    'a handshake that ended',
    withMarks('Client network socket disconnected before secure TLS connection was established', {
      code: 'ECONNRESET',
    }),
    'TLS_FAILED',
  ],
  [
    'a group that is denied',
    withMarks('Failed', { name: 'KafkaJSGroupCoordinatorNotFound' }),
    'GROUP_DENIED',
  ],
  ['anything else by the fallback', new Error('odd'), 'INTERNAL', /Testing: odd/],
  ['a string', 'odd', 'INTERNAL', /odd/],
  ['undefined', undefined, 'INTERNAL'],
  ['null', null, 'INTERNAL'],
]

for (const [name, thrown, code, message] of cases) {
  test(name, () => {
    const error = kafkaError(thrown, context)
    assert.is(error.code, code)
    assert.is(error.cause, thrown)
    if (message) assert.match(error.message, message)
  })
}

test('an error of ours stays as it is, also within others', () => {
  const ours = new BusbarError('GROUP_DENIED', 'no')
  assert.is(kafkaError(ours, context), ours)
  assert.is(kafkaError(new Error('outer', { cause: ours }), context), ours)
})

test('a cycle of causes ends', () => {
  const error: Error & { cause?: unknown } = new Error('round')
  error.cause = error
  assert.is(kafkaError(error, context).code, 'INTERNAL')
})

test.run()
