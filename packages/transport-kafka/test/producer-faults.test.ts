import { BusbarError } from '@busbar/core'
import { eventually, freePort, type RunningKafka, startKafka, type TcpProxy, tcpProxy } from '@busbar/testkit'
import type { Kafka } from 'kafkajs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { kafkaAt, newTopic, producerAt, readTopic, record } from './kafka-harness.js'

const produceKey = 0
let broker: RunningKafka
let proxy: TcpProxy
let kafka: Kafka
/** Through the proxy. */
let proxied: Kafka

test.before(async () => {
  const proxyPort = await freePort()
  broker = await startKafka({ proxyPort })
  proxy = await tcpProxy({ targetPort: broker.proxyTargetPort as number, listenPort: proxyPort })
  kafka = kafkaAt(broker.brokers)
  proxied = kafkaAt(broker.proxiedBrokers as string[])
})

test.after(async () => {
  await proxy?.stop()
  await broker?.stop()
})

/** What a publisher was told of a value: its position, or an error code. */
type Told = Map<string, { partition: number; offset: number } | string>

/** The log has what was acknowledged where that was said, nothing twice, nothing that was said not to be stored. */
async function assertTruth(topic: string, told: Told): Promise<void> {
  const found = await readTopic(kafka, topic)
  const seen = new Map(found.map(({ value, partition, offset }) => [String(value), { partition, offset }]))
  assert.is(found.length, seen.size, 'a record is there twice')
  for (const [value, what] of told) {
    if (typeof what !== 'string') assert.equal(seen.get(value), what, `${value} was acknowledged`)
    else if (what !== 'PUBLISH_OUTCOME_UNKNOWN')
      assert.not(seen.has(value), `${value} was refused with ${what}`)
  }
  // Values end in their number among those of their partition's publisher.
  const last = new Map<string, number>()
  for (const { value, partition } of found) {
    const [publisher, number] = String(value).split('#')
    const of = `${publisher} in ${partition}`
    assert.ok(Number(number) > (last.get(of) ?? -1), `${String(value)} is out of order`)
    last.set(of, Number(number))
  }
}

async function tell(
  told: Told,
  value: string,
  sent: Promise<readonly { partition: number; offset: number }[]>,
): Promise<void> {
  await sent.then(
    ([position]) => {
      told.set(value, { partition: position?.partition ?? -1, offset: position?.offset ?? -1 })
    },
    (error: unknown) => {
      told.set(value, error instanceof BusbarError ? error.code : String(error))
    },
  )
}

test('an acknowledgement that got lost loses, doubles and reorders nothing', async () => {
  const topic = await newTopic(kafka, 2)
  const producer = await producerAt(proxied)
  const told: Told = new Map()
  await tell(told, 'warm#0', producer.send([record(topic, 'warm#0')]))
  for (let round = 0; round < 10; round++) {
    proxy.swallowResponses(produceKey)
    const all: Promise<void>[] = []
    for (let i = 0; i < 4; i++) {
      const value = `a#${round * 4 + i}`
      all.push(tell(told, value, producer.send([record(topic, value, { partition: i % 2 })])))
      if (i === 1) await new Promise(resolve => setTimeout(resolve, 2))
    }
    await Promise.all(all)
  }
  assert.is([...told.values()].filter(what => typeof what === 'string').length, 0)
  await assertTruth(topic, told)
  await producer.close()
})

test('random cuts, lost answers and broken frames', async () => {
  const topic = await newTopic(kafka, 3)
  const producer = await producerAt(proxied, { retryBackoff: { minMs: 5, maxMs: 50 } })
  const told: Told = new Map()
  let over = false
  const faults = (async () => {
    while (!over) {
      const dice = Math.random()
      if (dice < 0.34) proxy.cutAll()
      else if (dice < 0.67) proxy.swallowResponses(produceKey)
      else proxy.cutMidFrame(produceKey)
      // On a slow machine nothing would come through between two faults: the next one waits for something that did.
      const before = told.size
      await new Promise(resolve => setTimeout(resolve, 20 + Math.random() * 60))
      await eventually(() => assert.is.not(told.size, before), { timeoutMs: 500, everyMs: 5 }).catch(() => {})
    }
  })()
  const publisher = async (name: string): Promise<void> => {
    const sent: Promise<void>[] = []
    for (let i = 0; i < 400; i++) {
      const value = `${name}#${i}`
      sent.push(tell(told, value, producer.send([record(topic, value, { key: Buffer.from(name) })])))
      if (i % 5 === 0) await new Promise(resolve => setTimeout(resolve, Math.random() * 30))
    }
    await Promise.all(sent)
  }
  await Promise.all(Array.from({ length: 8 }, (_, i) => publisher(`p${i}`)))
  over = true
  await faults
  assert.is(told.size, 3_200)
  assert.is([...told.values()].filter(what => typeof what === 'string').length, 0)
  await assertTruth(topic, told)
  await producer.close()
})

test('random cuts with publishers that give up soon', async () => {
  const topic = await newTopic(kafka, 3)
  const producer = await producerAt(proxied, { publishTimeoutMs: 60, retryBackoff: { minMs: 5, maxMs: 20 } })
  const told: Told = new Map()
  for (let round = 0; round < 40; round++) {
    if (round % 4 === 1) proxy.swallowResponses(produceKey, 3)
    if (round % 4 === 2) proxy.pause()
    if (round % 4 === 3) proxy.cutAll()
    const sent = Array.from({ length: 9 }, (_, i) => {
      const value = `q${i % 3}#${round * 9 + i}`
      return tell(told, value, producer.send([record(topic, value, { partition: i % 3 })]))
    })
    await new Promise(resolve => setTimeout(resolve, Math.random() * 120))
    proxy.resume()
    await Promise.all(sent)
  }
  const outcomes = [...told.values()].filter(what => typeof what === 'string')
  assert.ok(outcomes.length > 0 && outcomes.length < told.size, `${outcomes.length} of ${told.size} failed`)
  assert.ok(outcomes.every(code => code === 'PUBLISH_OUTCOME_UNKNOWN' || code === 'PUBLISH_FAILED'))
  await producer.flush()
  await assertTruth(topic, told)
  await producer.close()
})

test('a broker that hangs: the outcome is unknown in time, and publishing goes on afterwards', async () => {
  const topic = await newTopic(kafka, 1)
  const producer = await producerAt(proxied, { publishTimeoutMs: 600, requestTimeoutMs: 300 })
  await producer.send([record(topic, 'before#0')])
  proxy.pause()
  const begin = performance.now()
  const told: Told = new Map()
  await tell(told, 'hung#1', producer.send([record(topic, 'hung#1')]))
  const tookMs = performance.now() - begin
  assert.is(told.get('hung#1'), 'PUBLISH_OUTCOME_UNKNOWN')
  assert.ok(tookMs >= 600 && tookMs < 5_000, `${tookMs} ms`)
  proxy.resume()
  await tell(told, 'after#2', producer.send([record(topic, 'after#2')]))
  assert.is(typeof told.get('after#2'), 'object')
  await assertTruth(topic, told)
  await producer.close()
})

test('a record given up while the connection was still being made is never stored', async () => {
  const topic = await newTopic(kafka, 1)
  const producer = await producerAt(proxied, { publishTimeoutMs: 300, requestTimeoutMs: 5_000 })
  const told: Told = new Map()
  await tell(told, 'before#0', producer.send([record(topic, 'before#0')]))
  proxy.cutAll()
  await new Promise(resolve => setTimeout(resolve, 50))
  proxy.pause()
  await tell(told, 'given up#1', producer.send([record(topic, 'given up#1')]))
  proxy.resume()
  await tell(told, 'after#2', producer.send([record(topic, 'after#2')]))
  assert.is(told.get('given up#1'), 'PUBLISH_FAILED')
  assert.equal(told.get('after#2'), { partition: 0, offset: 1 })
  await assertTruth(topic, told)
  await producer.close()
})

test('a broker that cannot be reached: not stored, and said in time', async () => {
  const topic = await newTopic(kafka, 1)
  const producer = await producerAt(proxied, { publishTimeoutMs: 500 })
  await producer.send([record(topic, 'before#0')])
  await proxy.refuse()
  proxy.cutAll()
  await new Promise(resolve => setTimeout(resolve, 50))
  const begin = performance.now()
  const told: Told = new Map()
  await tell(told, 'away#1', producer.send([record(topic, 'away#1')]))
  assert.is(told.get('away#1'), 'PUBLISH_FAILED')
  assert.ok(performance.now() - begin < 1_000)
  await proxy.accept()
  await tell(told, 'back#2', producer.send([record(topic, 'back#2')]))
  assert.is(typeof told.get('back#2'), 'object')
  await assertTruth(topic, told)
  await producer.close()
})

test.run()
