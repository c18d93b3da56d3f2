import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { BusbarError, consoleLogger, type Logger, silentLogger, systemRuntime } from '@busbar/core'
import { eventually, freePort, placesOf, startKafka, uniqueName } from '@busbar/testkit'
import { type KafkaTransportOptions, kafkaTransport } from '@busbar/transport-kafka'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { KeepingLogger } from './support/scenario.js'
import { connected, publish, Received, refusalOf } from './support/test-transport.js'

const test = suite('security')
const secret = 'no-one-may-see-this'
const forbidden = { topics: ['forbidden-topic'], groups: ['forbidden-group'] }
const kafka = await startKafka({
  saslSsl: { users: { alice: secret, bob: 'bob-secret' }, denied: { alice: forbidden } },
})
test.after(() => kafka.stop())

const { brokers, ca } = kafka.saslSsl ?? { brokers: [], ca: '' }
const alice = { username: 'alice', password: secret }
const plain = { mechanism: 'plain', ...alice } as const
const secure = (sasl: KafkaTransportOptions['sasl'] = plain): KafkaTransportOptions => ({
  brokers,
  ssl: { ca },
  sasl,
})

/** The error of a connect, which must come within two seconds. */
async function refusal(options: KafkaTransportOptions): Promise<BusbarError> {
  const start = performance.now()
  try {
    const bus = await connected(options)
    await bus[Symbol.asyncDispose]()
  } catch (error) {
    assert.ok(performance.now() - start < 2_000, `took ${performance.now() - start} ms`)
    assert.instance(error, BusbarError)
    assert.not.match((error as Error).message, secret)
    return error as BusbarError
  }
  throw new Error('it connected')
}

for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
  test(`publishes and consumes over TLS with ${mechanism}`, async () => {
    await using bus = await connected(secure({ mechanism, ...alice } as KafkaTransportOptions['sasl']))
    const topic = uniqueName('secure')
    await bus.transport.ensureTopics([{ name: topic, create: true, partitions: 1 }])
    const received = new Received()
    const spec = { group: uniqueName('group'), topics: [topic], from: 'earliest', maxInFlight: 9 } as const
    await using _subscription = await bus.transport.subscribe(spec, received.deliver())
    await publish(bus.transport, topic, ['v'])
    await eventually(() => assert.equal(received.texts, ['v']))
  })
}

const refused: readonly (readonly [
  string,
  () => Promise<KafkaTransportOptions> | KafkaTransportOptions,
  string,
  RegExp,
])[] = [
  [
    'a wrong password',
    () => secure({ ...plain, password: `${secret}-not` }),
    'AUTHENTICATION_FAILED',
    /sasl/,
  ],
  [
    'a wrong SCRAM password',
    () => secure({ mechanism: 'scram-sha-512', username: 'alice', password: 'x' }),
    'AUTHENTICATION_FAILED',
    /sasl/,
  ],
  ['an unknown user', () => secure({ ...plain, username: 'mallory' }), 'AUTHENTICATION_FAILED', /sasl/],
  [
    'a mechanism that is not offered',
    () => secure({ mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: 'x' }) }),
    'AUTHENTICATION_FAILED',
    /mechanism/,
  ],
  ['an untrusted certificate', () => ({ brokers, ssl: true, sasl: plain }), 'TLS_FAILED', /ssl\.ca/],
  [
    'another host name',
    () => ({ ...secure(), ssl: { ca, servername: 'elsewhere.example' } }),
    'TLS_FAILED',
    /host name/,
  ],
  ['plain text on a TLS port', () => ({ brokers, sasl: plain }), 'TLS_FAILED', /expects TLS/],
  [
    'TLS on a plain-text port',
    () => ({ ...secure(), brokers: kafka.brokers }),
    'TLS_FAILED',
    /does not speak TLS/,
  ],
  ['no credentials', () => ({ brokers, ssl: { ca } }), 'AUTHENTICATION_FAILED', /sasl/],
  [
    'credentials on a port without authentication',
    () => ({ brokers: kafka.brokers, sasl: plain }),
    'AUTHENTICATION_FAILED',
    /SASL/,
  ],
  [
    'a refused connection',
    async () => ({ brokers: [`127.0.0.1:${await freePort()}`] }),
    'CONNECTION_FAILED',
    /ECONNREFUSED 127\.0\.0\.1:\d+/,
  ],
  [
    'an unknown host',
    () => ({ brokers: ['no-such-host.invalid:9092'] }),
    'CONNECTION_FAILED',
    /no-such-host/,
  ],
]

for (const [name, options, code, message] of refused) {
  test(`${name} is said so, and soon`, async () => {
    const error = await refusal(await options())
    assert.is(error.code, code, error.message)
    assert.match(error.message, message)
  })
}

for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
  test(`no password is in a log at level debug, nor in an error and what caused it, with ${mechanism}`, async () => {
    const logger = new KeepingLogger()
    const sasl = (password: string) => ({ mechanism, ...alice, password }) as KafkaTransportOptions['sasl']
    const right = await connected(secure(sasl(secret)), logger)
    await right[Symbol.asyncDispose]()
    const error = await refusalOf(connected(secure(sasl(`${secret}-not`)), logger))
    assert.is(error.code, 'AUTHENTICATION_FAILED')
    assert.ok(logger.lines.length > 0)
    assert.equal(placesOf(secret, [logger.lines, error]), [])
  })
}

test('a broker list of which one answers is enough', async () => {
  await using bus = await connected({ brokers: [`127.0.0.1:${await freePort()}`, ...kafka.brokers] })
  assert.ok(bus)
})

test('a listener that never answers is said so, and an abort ends waiting for it', async () => {
  const mute = createServer(() => {}).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const silent = [`127.0.0.1:${(mute.address() as AddressInfo).port}`]
  const refused = await refusal({ brokers: silent })
  assert.is(refused.code, 'CONNECTION_FAILED')
  const transport = kafkaTransport({ brokers: silent })
  const context = { clientId: 'x', logger: silentLogger, runtime: systemRuntime, onEvent: () => {} }
  const start = performance.now()
  const error = await refusalOf(transport.connect({ ...context, signal: AbortSignal.timeout(50) }))
  assert.is(error.code, 'ABORTED')
  assert.ok(performance.now() - start < 500)
  mute.close()
})

test('a forbidden topic and a forbidden group are each named as such', async () => {
  await using admin = await connected({ brokers: kafka.brokers })
  await admin.transport.ensureTopics(
    ['forbidden-topic', 'open-topic'].map(name => ({ name, create: true, partitions: 1 })),
  )
  const lines: unknown[] = []
  const log: Logger = {
    ...consoleLogger,
    warn: (...line: unknown[]) => lines.push(line),
    error: (...line: unknown[]) => lines.push(line),
    child: () => log,
  }
  await using bus = await connected(secure(), log)
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'none',
      (error: BusbarError) => `${error.code} ${error.message}`,
    )
  const spec = { from: 'earliest', maxInFlight: 1 } as const
  const start = performance.now()
  const { transport } = bus
  assert.match(
    await codeOf(
      transport.subscribe({ ...spec, group: 'g', topics: ['open-topic', 'forbidden-topic'] }, async () => {}),
    ),
    /^TOPIC_DENIED.*forbidden-topic/,
  )
  assert.match(
    await codeOf(
      transport.subscribe({ ...spec, group: 'forbidden-group', topics: ['open-topic'] }, async () => {}),
    ),
    /^GROUP_DENIED.*forbidden-group/,
  )
  assert.match(
    await codeOf(transport.read({ topic: 'forbidden-topic', from: 'earliest' }, () => {})),
    /^TOPIC_DENIED.*forbidden-topic/,
  )
  assert.match(await codeOf(transport.partitions('forbidden-topic')), /^TOPIC_DENIED.*forbidden-topic/)
  assert.match(
    await codeOf(transport.ensureTopics([{ name: 'forbidden-topic', create: true }])),
    /^TOPIC_DENIED.*forbidden-topic/,
  )
  assert.match(await codeOf(transport.positions('forbidden-group')), /^GROUP_DENIED.*forbidden-group/)
  assert.match(await codeOf(publish(transport, 'forbidden-topic', ['v'])), /^TOPIC_DENIED/)
  assert.ok(performance.now() - start < 4_000, `took ${performance.now() - start} ms`)
  assert.equal(lines, [], 'nothing is logged besides')
})

test.run()
