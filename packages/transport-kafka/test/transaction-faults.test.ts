import {
  deadline,
  eventually,
  freePort,
  type RunningKafka,
  startKafka,
  type TcpProxy,
  tcpProxy,
  uniqueName,
} from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TransactionFailure } from '../dist/transaction/transaction-failure.js'
import { record } from './kafka-harness.js'
import { copying, readAll, textIn, transactional } from './support/copying.js'
import { assertOnceInOrder, numbered, publishNumbered } from './support/exactly-once.js'
import { connected, publish, texts } from './support/test-transport.js'
import { transactionsAt } from './support/transactions-at.js'

const test = suite('faults of transactions')
const keys = { produce: 0, init: 22, addPartitions: 24, addOffsets: 25, endTxn: 26, offsets: 28 }
let broker: RunningKafka
let proxy: TcpProxy

test.before(async () => {
  const proxyPort = await freePort()
  // A transaction that takes too long is looked for every ten seconds by default.
  const config = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' }
  broker = await startKafka({ proxyPort, config })
  proxy = await tcpProxy({ targetPort: broker.proxyTargetPort as number, listenPort: proxyPort })
})

test.after(async () => {
  await proxy?.stop()
  await broker?.stop()
})

const proxied = (options = {}) =>
  connected({ brokers: broker.proxiedBrokers as string[], commitIntervalMs: 20, ...options })
const direct = () => connected({ brokers: broker.brokers })

async function newTopics(partitions: number): Promise<[string, string]> {
  await using bus = await direct()
  const topics: [string, string] = [uniqueName('from'), uniqueName('to')]
  await bus.transport.ensureTopics(topics.map(name => ({ name, create: true, partitions })))
  return topics
}

for (const [name, apiKey] of Object.entries(keys)) {
  test(`the answer to ${name} gets lost: each output is there once`, async () => {
    const [from, to] = await newTopics(2)
    await using observer = await direct()
    await using bus = await proxied()
    if (apiKey === keys.init) proxy.swallowResponses(apiKey)
    let ended = 0
    let copied = 0
    const told: string[] = []
    const copy = copying({ to, onCommitted: (_, { record: { value } }) => told.push(String(value)) })
    await using subscription = await bus.transport.subscribe(
      transactional(uniqueName('group'), [from]),
      batch => {
        batch.signal.addEventListener('abort', () => ended++, { once: true })
        copied += batch.deliveries.length
        return copy(batch)
      },
    )
    for (let round = 0; round < 4; round++) {
      if (apiKey !== keys.init) proxy.swallowResponses(apiKey)
      const before = told.length
      await publish(observer.transport, from, texts(`r${round}-`, 10))
      await eventually(() => assert.is(told.length, before + 10), { timeoutMs: 10_000 })
    }
    // What was not answered is settled without anything being delivered again.
    assert.is(copied, 40)
    assert.is(new Set(told).size, 40)
    assert.is(ended, 0)
    await subscription[Symbol.asyncDispose]()
    await eventually(async () => assert.is((await readAll(observer.transport, to)).length, 40))
    assert.is(new Set((await readAll(observer.transport, to)).map(textIn)).size, 40)
  })
}

test('random cuts, lost answers and broken frames: each output once, keys in order', async () => {
  const [from, to] = await newTopics(4)
  const values = numbered(20, 100)
  await using observer = await direct()
  await using bus = await proxied()
  const subscription = await bus.transport.subscribe(
    transactional(uniqueName('group'), [from]),
    copying({ to }),
  )
  let over = false
  const apiKeys = Object.values(keys)
  const faults = (async () => {
    while (!over) {
      const dice = Math.random()
      const apiKey = apiKeys[Math.floor(Math.random() * apiKeys.length)] as number
      if (dice < 0.2) proxy.cutAll()
      else if (dice < 0.6) proxy.swallowResponses(apiKey)
      else proxy.cutMidFrame(apiKey)
      await new Promise(resolve => setTimeout(resolve, 50 + Math.random() * 100))
    }
  })()
  const pause = () => new Promise<void>(resolve => setTimeout(resolve, 400))
  await publishNumbered(observer.transport, from, values, pause)
  over = true
  await faults
  const all = async () => assert.ok((await readAll(observer.transport, to)).length >= values.length)
  // An answer that was still to be swallowed costs kafkajs's half minute for a request.
  await eventually(all, { timeoutMs: 75_000 })
  await subscription[Symbol.asyncDispose]()
  assertOnceInOrder(await readAll(observer.transport, to), values)
})

test('whoever was stopped before the end of a transaction is fenced, and its outputs are never read', async () => {
  const [from, to] = await newTopics(1)
  await using observer = await direct()
  const [zombies, heirs] = [await transactionsAt(broker.brokers), await transactionsAt(broker.brokers)]
  const group = uniqueName('group')
  const id = `${group}/${from}/0`
  const attempt = () => zombies.attempt(new AbortController().signal)
  const nobody = { group, memberId: '', generationId: -1 }
  const transaction = (value: string, position: number) => ({
    records: [record(to, value)],
    member: nobody,
    offsets: [{ topic: from, partition: 0, position, metadata: value }],
  })
  const zombie = zombies.producer(id, 0)
  await zombie.claim(attempt())
  await zombie.write(transaction('first', 1), attempt())
  await zombie.commit(attempt())
  await zombie.write(transaction('stopped', 2), attempt())

  const heir = heirs.producer(id, 0)
  await heir.claim(attempt())
  const [found] = await heirs.committed(group, [{ topic: from, partition: 0 }], attempt())
  assert.is(found?.position, 1)
  await heir.write(transaction('heir', 2), attempt())
  await heir.commit(attempt())

  for (const late of [
    () => zombie.commit(attempt()),
    () => zombie.write(transaction('late', 3), attempt()),
    () => zombie.renew(attempt()),
  ]) {
    const failure = await late().then(
      () => undefined,
      (error: unknown) => error,
    )
    assert.instance(failure, TransactionFailure)
    assert.is((failure as TransactionFailure).kind, 'fenced')
    assert.is((failure as TransactionFailure).error.code, 'ABORTED')
  }
  await eventually(async () => assert.is((await readAll(observer.transport, to)).length, 2))
  assert.equal((await readAll(observer.transport, to)).map(textIn), ['first', 'heir'])
  zombies.close(new Error('done'))
  heirs.close(new Error('done'))
})

test('an open transaction is waited for, and its end decides where the next one begins', async () => {
  const [from, to] = await newTopics(1)
  const [one, other] = [await transactionsAt(broker.brokers), await transactionsAt(broker.brokers)]
  const group = uniqueName('group')
  const attempt = (ms = 10_000) => one.attempt(new AbortController().signal, ms)
  const writer = one.producer(`${group}/another/0`, 0)
  await writer.claim(attempt())
  const offsets = [{ topic: from, partition: 0, position: 7, metadata: 'open' }]
  const member = { group, memberId: '', generationId: -1 }
  await writer.write({ records: [record(to, 'x')], member, offsets }, attempt())
  const partitions = [{ topic: from, partition: 0 }]
  // Finds its coordinator before the time counts.
  await other.committed(group, [{ topic: to, partition: 0 }], attempt())
  const early = await other.committed(group, partitions, attempt(500)).catch((error: unknown) => error)
  assert.match(String(early), /UNSTABLE_OFFSET_COMMIT/)
  const waiting = other.committed(group, partitions, attempt())
  await writer.commit(attempt())
  assert.is((await waiting)[0]?.position, 7)
  one.close(new Error('done'))
  other.close(new Error('done'))
})

test('somebody else takes the id: the ownership ends, begins anew, and each output is there once', async () => {
  const [from, to] = await newTopics(1)
  await using observer = await direct()
  await using bus = await connected({ brokers: broker.brokers, commitIntervalMs: 20 })
  const thieves = await transactionsAt(broker.brokers)
  const group = uniqueName('group')
  let ended = 0
  const copy = copying({ to })
  await using subscription = await bus.transport.subscribe(transactional(group, [from]), batch => {
    batch.signal.addEventListener('abort', () => ended++, { once: true })
    return copy(batch)
  })
  for (let round = 0; round < 3; round++) {
    await thieves.producer(`${group}/${from}/0`, 0).claim(thieves.attempt(new AbortController().signal))
    await publish(observer.transport, from, texts(`r${round}-`, 20))
    await eventually(
      async () => assert.is((await readAll(observer.transport, to)).length, 20 * (round + 1)),
      {
        timeoutMs: 10_000,
      },
    )
  }
  assert.ok(ended >= 3)
  assert.is(new Set((await readAll(observer.transport, to)).map(textIn)).size, 60)
  await deadline(5_000, 'closing', subscription[Symbol.asyncDispose]())
  thieves.close(new Error('done'))
})

test('a transaction that takes longer than its time limit is aborted, and the error says so', async () => {
  const [from, to] = await newTopics(1)
  await using observer = await direct()
  const slow = await transactionsAt(broker.brokers, 300)
  const group = uniqueName('group')
  const attempt = () => slow.attempt(new AbortController().signal, 5_000)
  const producer = slow.producer(`${group}/${from}/0`, 0)
  const transaction = {
    records: [record(to, 'late')],
    member: { group, memberId: '', generationId: -1 },
    offsets: [{ topic: from, partition: 0, position: 1, metadata: '' }],
  }
  await producer.claim(attempt())
  await producer.write(transaction, attempt())
  // Only then has the broker aborted it.
  await eventually(async () =>
    assert.is((await slow.committed(group, transaction.offsets, attempt())).length, 0),
  )
  const failure = await producer.commit(attempt()).catch((error: unknown) => error)
  assert.instance(failure, TransactionFailure)
  const { error } = failure as TransactionFailure
  assert.is(error.code, 'TRANSACTION_FAILED')
  assert.match(error.message, /took \d+ ms, and the broker aborts it after 300 \(`transactionTimeoutMs`\)/)
  await producer.claim(attempt())
  await producer.write({ ...transaction, records: [record(to, 'in time')] }, attempt())
  await producer.commit(attempt())
  await eventually(async () => assert.is((await readAll(observer.transport, to)).length, 1))
  assert.equal((await readAll(observer.transport, to)).map(textIn), ['in time'])
  slow.close(new Error('done'))
})

test('a broker that does not answer is given up in time', async () => {
  const [from, to] = await newTopics(1)
  await using observer = await direct()
  await using bus = await proxied({ transactionTimeoutMs: 3_000 })
  const group = uniqueName('group')
  const subscription = await bus.transport.subscribe(transactional(group, [from]), copying({ to }))
  await publish(observer.transport, from, texts('v', 10))
  proxy.swallowResponses(keys.endTxn, 50)
  proxy.swallowResponses(keys.init, 50)
  const failed = () => bus.events.find(({ type }) => type === 'transaction-failed')
  await eventually(() => assert.ok(failed()), { timeoutMs: 20_000 })
  const event = failed()
  assert.match(event?.type === 'transaction-failed' ? event.error.message : '', /`transactionTimeoutMs`/)
  for (const key of [keys.endTxn, keys.init]) proxy.swallowResponses(key, -50)
  await eventually(async () => assert.is((await readAll(observer.transport, to)).length, 10), {
    timeoutMs: 15_000,
  })
  assert.is(new Set((await readAll(observer.transport, to)).map(textIn)).size, 10)
  await subscription[Symbol.asyncDispose]()
})

test.run()
