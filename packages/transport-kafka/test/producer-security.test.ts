import { BusbarError } from '@busbar/core'
import { startKafka } from '@busbar/testkit'
import type { ISocketFactoryArgs, KafkaConfig } from 'kafkajs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { framingSocketFactory } from '../dist/framing-socket-factory.js'
import { kafkaAt, newTopic, producerAt, readTopic, record } from './kafka-harness.js'

const test = suite('security of the producer')
const kafka = await startKafka({ saslSsl: { users: { alice: 'right' } } })
test.after(() => kafka.stop())

const { brokers, ca } = kafka.saslSsl ?? { brokers: [], ca: '' }
const sasl = (password: string) => ({ mechanism: 'plain', username: 'alice', password }) as const
const secure = { ssl: { ca }, sasl: sasl('right') }
const topic = await newTopic(kafkaAt(kafka.brokers), 1)
const connect = framingSocketFactory()

/** Sends one record, and expects the refusal within two seconds. */
async function refusal(more: Partial<KafkaConfig>): Promise<BusbarError> {
  const producer = await producerAt(kafkaAt(brokers, { ...secure, ...more }))
  const start = performance.now()
  const error = await producer.send([record(topic, 'never')]).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(performance.now() - start < 2_000, `took ${performance.now() - start} ms`)
  await producer.close()
  assert.instance(error, BusbarError)
  return error as BusbarError
}

/** The connection for metadata comes first and is as configured; those for records are not. */
const changedLater = (change: (args: ISocketFactoryArgs) => ISocketFactoryArgs): Partial<KafkaConfig> => {
  let count = 0
  return { socketFactory: args => connect(count++ === 0 ? args : change(args)) }
}

const withTls = (ssl: object) => changedLater(args => ({ ...args, ssl: { ...args.ssl, ...ssl } }))

for (const [name, config, code, message] of [
  ['a wrong password', { sasl: sasl('wrong') }, 'AUTHENTICATION_FAILED', /sasl/],
  ['an untrusted certificate', { ssl: true }, 'TLS_FAILED', /ssl\.ca/],
  ['another host name', { ssl: { ca, servername: 'elsewhere.example' } }, 'TLS_FAILED', /host name/],
  [
    'an untrusted certificate of a leader',
    withTls({ ca: undefined }),
    'TLS_FAILED',
    /partition 0 was not sent.*ssl\.ca/,
  ],
  [
    'another host name of a leader',
    withTls({ servername: 'elsewhere.example' }),
    'TLS_FAILED',
    /partition 0 was not sent.*host name/,
  ],
] as const satisfies readonly (readonly [string, Partial<KafkaConfig>, string, RegExp])[]) {
  test(`${name} is what a publisher is told, and soon`, async () => {
    const error = await refusal(config)
    assert.is(error.code, code, error.message)
    assert.match(error.message, message)
    assert.is(error.retryable, false)
  })
}

test('a handshake that is cut off is tried again, as a broker that restarts leaves it', async () => {
  let cuts = 0
  const kafkaCut = kafkaAt(brokers, {
    ...secure,
    socketFactory: args => {
      const socket = connect(args)
      if (cuts++ < 4) socket.once('connect', () => socket.destroy(cutError()))
      return socket
    },
  })
  const producer = await producerAt(kafkaCut)
  await producer.send([record(topic, 'after all')])
  assert.ok(cuts > 4)
  await producer.close()
  assert.equal(
    (await readTopic(kafkaAt(kafka.brokers), topic)).map(({ value }) => String(value)),
    ['after all'],
  )
})

/** Node's error where the other side hangs up during the handshake. */
const cutError = () =>
  Object.assign(
    new Error('Client network socket disconnected before secure TLS connection was established'),
    {
      code: 'ECONNRESET',
    },
  )

test.run()
