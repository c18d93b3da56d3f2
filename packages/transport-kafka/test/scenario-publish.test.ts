import assert from 'node:assert/strict'
import { type BusbarError, createBus, defineEvent } from '@busbar/core'
import { deadline, freePort, startKafka, tcpProxy, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { suite } from 'uvu'
import { KeepingLogger, kafkaBus } from './support/scenario.js'
import { stored, worlds } from './support/worlds.js'

const test = suite('publishing while the broker comes and goes')
const proxyPort = await freePort()
const kafka = await startKafka({ proxyPort })
const proxy = await tcpProxy({ targetPort: kafka.proxyTargetPort ?? 0, listenPort: proxyPort })
const proxied = kafka.proxiedBrokers ?? []

test.after(async () => {
  await proxy.stop()
  await kafka.stop()
})

/** How each publish ended, by what it published. */
class Ends {
  readonly acknowledged: string[] = []
  readonly failed = new Map<string, BusbarError>()
  readonly #all: Promise<unknown>[] = []

  watch(id: string, publish: Promise<unknown>): void {
    const end = publish.then(
      () => void this.acknowledged.push(id),
      (error: BusbarError) => void this.failed.set(id, error),
    )
    this.#all.push(end)
  }

  /** Resolves when every publish has ended. */
  async all(): Promise<void> {
    await deadline(40_000, 'all publishes', Promise.all(this.#all))
  }

  ofCode(code: string): string[] {
    return [...this.failed].filter(([, error]) => error.code === code).map(([id]) => id)
  }
}

/** The ids in the log, in order. */
async function idsIn(topic: string): Promise<string[]> {
  const world = await worlds(kafka.brokers).find(({ name }) => name === 'kafka')?.open()
  assert.ok(world)
  await using open = world
  return (await stored(open, topic)).map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as string)
}

/** Numbers at the ends of ids, with what follows on one another taken together: `0-9, 12-14`. */
function runsIn(ids: readonly string[]): string {
  const runs: { from: number; to: number }[] = []
  for (const number of ids.map(id => Number(id.split('-').at(-1)))) {
    const last = runs.at(-1)
    if (last?.to === number - 1) last.to = number
    else runs.push({ from: number, to: number })
  }
  return runs.map(({ from, to }) => `${from}-${to}`).join(', ')
}

test('a broker that is gone for a while costs time, and nothing else', async () => {
  const topic = uniqueName('gone-awhile')
  const Note = defineEvent<string>('note', { topic: { name: topic, partitions: 1 } })
  const { bus } = kafkaBus(proxied, { name: 'publisher' })
  await bus.start()
  const ends = new Ends()
  let next = 0
  const some = (count: number) => {
    for (let index = 0; index < count; index++) {
      const id = `note-${next++}`
      ends.watch(id, bus.publish(Note, id))
    }
  }
  const steadily = async (ms: number) => {
    for (const end = Date.now() + ms; Date.now() < end; await new Promise(resolve => setTimeout(resolve, 5))) some(5)
  }
  some(100)
  await ends.all()
  await steadily(100)
  // In the middle of answers, so that some are stored and unacknowledged; then nobody listens.
  proxy.cutMidFrame(0)
  await proxy.refuse()
  proxy.cutAll()
  await steadily(700)
  await proxy.accept()
  await steadily(200)
  proxy.swallowResponses(0, 2)
  await steadily(300)
  await ends.all()
  await bus.close()

  assert.deepEqual([...new Set([...ends.failed.values()].map(String))], [])
  const log = await idsIn(topic)
  assert.equal(log.length, next, 'each exactly once')
  assert.equal(runsIn(log), `0-${next - 1}`, 'in the order of the calls')
})

test('a broker that stays away fails each publish with its reason, and the log holds what was acknowledged', async () => {
  const topic = uniqueName('stays-away')
  const Note = defineEvent<string>('note', { topic: { name: topic, partitions: 2 } })
  const { bus } = kafkaBus(proxied, { name: 'publisher' }, { producer: { publishTimeoutMs: 1_500 } })
  await bus.start()
  const ends = new Ends()
  const some = (from: string, count: number) => {
    for (let index = 0; index < count; index++) ends.watch(`${from}-${index}`, bus.publish(Note, `${from}-${index}`))
  }
  some('before', 50)
  await ends.all()
  assert.equal(ends.acknowledged.length, 50)

  // Nobody can connect again; what is open stays until the answer to the first request is swallowed.
  await proxy.refuse()
  proxy.swallowResponses(0)
  some('unanswered', 20)
  await ends.all()
  assert.ok(ends.ofCode('PUBLISH_OUTCOME_UNKNOWN').length > 0)
  proxy.cutAll()
  some('while-away', 20)
  await ends.all()
  for (const [id, error] of ends.failed) {
    assert.ok(['PUBLISH_FAILED', 'PUBLISH_OUTCOME_UNKNOWN'].includes(error.code), `${id}: ${error.code} ${error.message}`)
    assert.ok(error.retryable)
  }
  assert.equal(ends.acknowledged.filter(id => id.startsWith('while-away')).length, 0)

  await proxy.accept()
  some('after', 20)
  await ends.all()
  await bus.close()
  const log = await idsIn(topic)
  const [known, unknown] = [new Set(ends.acknowledged), new Set(ends.ofCode('PUBLISH_OUTCOME_UNKNOWN'))]
  assert.equal(new Set(log).size, log.length, 'nothing twice')
  assert.deepEqual(ends.acknowledged.filter(id => !log.includes(id)), [], 'all that was acknowledged')
  assert.deepEqual(log.filter(id => !known.has(id) && !unknown.has(id)), [], 'and at most what nobody knows')
  assert.equal(ends.acknowledged.filter(id => id.startsWith('after')).length, 20)
  const messages = [...new Set([...ends.failed.values()].map(({ code, message }) => `${code}: ${message}`))]
  for (const message of messages) assert.match(message, new RegExp(topic))
})

test('what is published before the start waits for it, and a start that fails can be tried again', async () => {
  const topic = uniqueName('before-start')
  const Note = defineEvent<string>('note', { topic: { name: topic, partitions: 1 } })
  const { bus } = kafkaBus(proxied, { name: 'early' })
  const ends = new Ends()
  const ids = Array.from({ length: 20 }, (_, index) => `early-${index}`)
  for (const id of ids) ends.watch(id, bus.publish(Note, id))
  await proxy.refuse()
  await deadline(5_000, 'the failed start', assert.rejects(bus.start(), { code: 'CONNECTION_FAILED' }))
  assert.equal(ends.acknowledged.length + ends.failed.size, 0)
  await proxy.accept()
  await bus.start()
  for (const id of ['late-0', 'late-1']) ends.watch(id, bus.publish(Note, id))
  await ends.all()
  await bus.close()
  assert.deepEqual(await idsIn(topic), [...ids, 'late-0', 'late-1'])
})

test('close sends what was published and refuses what comes later', async () => {
  const topic = uniqueName('close-flushes')
  const Note = defineEvent<string>('note', { topic: { name: topic, partitions: 1 } })
  const logger = new KeepingLogger()
  const bus = createBus({ name: 'closing', logger, transport: kafkaTransport({ brokers: proxied }) })
  await bus.start()
  const ends = new Ends()
  const ids = Array.from({ length: 500 }, (_, index) => `note-${index}`)
  for (const id of ids) ends.watch(id, bus.publish(Note, id))
  await bus.close()
  await ends.all()
  await assert.rejects(bus.publish(Note, 'late'), { code: 'BUS_CLOSED' })
  assert.deepEqual([...new Set([...ends.failed.values()].map(String))], [])
  assert.equal(runsIn(await idsIn(topic)), '0-499')
  assert.deepEqual(logger.complaints, [])
})

test('a bus that is closed before it starts rejects what waits', async () => {
  const { bus } = kafkaBus(proxied, { name: 'never' })
  const ends = new Ends()
  ends.watch('never', bus.publish(defineEvent<string>('note', { topic: uniqueName('never') }), 'never'))
  await bus.close()
  await ends.all()
  assert.deepEqual(ends.ofCode('BUS_CLOSED'), ['never'])
})

test('close ends although the broker is gone', async () => {
  const topic = uniqueName('close-without-broker')
  const Note = defineEvent<string>('note', { topic: { name: topic, partitions: 1 } })
  const { bus } = kafkaBus(proxied, { name: 'closing' })
  bus.subscribe(Note, { group: topic }, () => {})
  await bus.start()
  await proxy.refuse()
  proxy.cutAll()
  const ends = new Ends()
  ends.watch('lost', bus.publish(Note, 'lost'))
  await deadline(9_000, 'closing', bus.close({ timeoutMs: 1_000 }))
  await deadline(1_000, 'the publish', ends.all())
  await proxy.accept()
  assert.equal(ends.failed.size, 1)
  assert.match(String(ends.failed.get('lost')), /^BusbarError: .+close-without-broker.+ECONNREFUSED/)
})

test.run()
