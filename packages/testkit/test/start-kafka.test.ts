import { existsSync } from 'node:fs'
import { type ConnectionOptions, connect } from 'node:tls'
import {
  deadline,
  eventually,
  freePort,
  KafkaUnavailable,
  startKafka,
  startKafkaCluster,
  tcpProxy,
} from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { kafkaRoundTrip, kafkaString } from '../dist/kafka/wire.js'
import { startAndDie } from './start-and-die.js'

const API_VERSIONS = 18
const METADATA = 3

const test = suite('startKafka')

const portOf = (address: string | undefined): number => Number(address?.split(':')[1])

async function answers(port: number): Promise<void> {
  await kafkaRoundTrip(port, { apiKey: API_VERSIONS, apiVersion: 0, body: Buffer.alloc(0) })
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const proxyPort = await freePort()
const kafka = await startKafka({
  proxyPort,
  config: { 'message.max.bytes': '2000' },
  saslSsl: { denied: { alice: { topics: ['secret'] } } },
})

test('answers, and is configured as asked', async () => {
  await answers(portOf(kafka.brokers[0]))
  assert.match(await kafka.log(), 'message.max.bytes = 2000')
})

test('tells clients of the proxied listener to go through the proxy', async () => {
  await using proxy = await tcpProxy({ targetPort: kafka.proxyTargetPort ?? 0, listenPort: proxyPort })
  const noTopics = Buffer.concat([Buffer.alloc(4), Buffer.from([0])])
  const response = await kafkaRoundTrip(proxyPort, { apiKey: METADATA, apiVersion: 4, body: noTopics })
  // Throttle time, the number of brokers, then the first one's node id, host and port.
  const host = kafkaString('127.0.0.1')
  assert.is(response.readInt32BE(4), 1)
  assert.is(response.readInt32BE(12 + host.length), proxyPort)
  assert.is(proxy.requests(METADATA), 1)
})

test('has a TLS listener that its own authority vouches for', async () => {
  const port = portOf(kafka.saslSsl?.brokers[0])
  const handshake = (options: ConnectionOptions): Promise<string> =>
    deadline(5_000, 'handshake', () => {
      return new Promise<string>(resolve => {
        const socket = connect({ port, host: '127.0.0.1', ...options })
        socket.once('secureConnect', () => socket.end(() => resolve('trusted')))
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      })
    })
  assert.is(await handshake({ ca: kafka.saslSsl?.ca }), 'trusted')
  assert.is(await handshake({}), 'SELF_SIGNED_CERT_IN_CHAIN')
})

test('leaves nothing behind', async () => {
  await kafka.stop()
  assert.not.ok(isAlive(kafka.pid))
  assert.not.ok(existsSync(kafka.logDir))
})

test('has nodes that can be killed, stopped and started again', async () => {
  await using cluster = await startKafkaCluster()
  const ports = cluster.brokers.map(portOf)
  await cluster.kill(2)
  assert.not.ok(isAlive(cluster.pid(2)))
  await answers(ports[0] ?? 0)
  await cluster.restart(2)
  await answers(ports[1] ?? 0)
  await cluster.stopNode(3)
  assert.match(await cluster.log(3), 'Terminating process due to signal SIGTERM')
})

test('does not outlive its process, even when that is killed', async () => {
  const { pid, logDir } = await startAndDie()
  await eventually(() => {
    assert.not.ok(isAlive(pid))
    assert.not.ok(existsSync(logDir))
  })
})

test('uses the broker that KAFKA_BROKERS names, unless it needs another kind', async () => {
  const before = process.env['KAFKA_BROKERS']
  process.env['KAFKA_BROKERS'] = 'one:1, two:2'
  try {
    await using given = await startKafka()
    assert.equal(given.brokers, ['one:1', 'two:2'])
    await using own = await startKafka({ config: { 'group.initial.rebalance.delay.ms': '10' } })
    assert.is.not(own.source, 'env')
  } finally {
    if (before === undefined) delete process.env['KAFKA_BROKERS']
    else process.env['KAFKA_BROKERS'] = before
  }
})

test('says why there is no broker to be had', async () => {
  const path = process.env['PATH']
  const home = process.env['JAVA_HOME']
  process.env['PATH'] = '/nonexistent'
  delete process.env['JAVA_HOME']
  try {
    const error = await startKafka({ fast: false }).catch((reason: unknown) => reason)
    assert.instance(error, KafkaUnavailable)
    assert.match((error as Error).message, /no docker engine answers; no Java 17\+/)
  } finally {
    process.env['PATH'] = path
    if (home !== undefined) process.env['JAVA_HOME'] = home
  }
})

test.run()
