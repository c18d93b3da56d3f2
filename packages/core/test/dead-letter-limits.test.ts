import assert from 'node:assert/strict'
import { BusbarError, deadLetter, defineEvent, retry } from '@busbar/core'
import { suite } from 'uvu'
import { throws } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'

const test = suite('dead letters at their limits')

const once = { use: [retry({ attempts: 1 })] }
const fail = () => {
  throw new Error('no')
}

test('to fit the size limit the stack is dropped, then the message shortened', async () => {
  const reasons = async (limit: number) => {
    await using w = world()
    const { bus, reports } = w.refusing(({ topic, headers }) => {
      const bytes = Object.values(headers).reduce((sum, value) => sum + Buffer.byteLength(value as string), 0)
      if (topic.endsWith('.dlq') && bytes > limit) throw new BusbarError('RECORD_TOO_LARGE', 'too large')
    })
    bus.subscribe(Thing, once, () => {
      throw new Error('x'.repeat(1_500))
    })
    await bus.start()
    await bus.publish(Thing, { id: 'a' })
    await until(() => reports.length === 1, 'its end')
    const [letter] = await bus.deadLetters().list()
    return letter
      ? [letter.message.length, letter.stack !== undefined]
      : (reports[0]?.error as BusbarError | undefined)?.code
  }
  assert.deepEqual(await reasons(20_000), [1_500, true])
  assert.deepEqual(await reasons(2_200), [1_500, false])
  assert.deepEqual(await reasons(600), [80, false])
  assert.equal(await reasons(100), 'DEAD_LETTER_FAILED')
})

test('a record as large as its topic takes fits its dead-letter and retry topics, reason and all', async () => {
  const Large = defineEvent<string>('large', {
    topic: { name: 'large', config: { 'max.message.bytes': '5000000' } },
  })
  await using w = world()
  const { bus, reports } = w.service()
  bus.subscribe(Large, { use: [retry({ attempts: 2, via: 'topic' })] }, fail)
  await bus.start()
  await bus.publish(Large, 'x'.repeat(4_999_600))
  await w.advanceUntil(() => reports.some(report => report.outcome !== 'rescheduled'), 'its end')
  assert.deepEqual(
    reports.map(report => report.outcome),
    ['rescheduled', 'dead-lettered'],
  )
})

test('dead letters are kept for good, and not compacted away', async () => {
  const Compacted = defineEvent<Thing>('c', {
    topic: { name: 'c', config: { 'cleanup.policy': 'compact' } },
    key: thing => thing.id,
  })
  await using w = world({ retention: { ms: 86_400_000 } })
  const { bus, reports } = w.service()
  bus.subscribe(Compacted, once, fail)
  await bus.start()
  for (let publish = 0; publish < 3; publish++) await bus.publish(Compacted, { id: 'same' })
  await until(() => reports.length >= 3, 'their ends')
  await w.runtime.advance(30 * 86_400_000)
  assert.equal((await bus.deadLetters().list()).length, 3)
})

test('anything that can be thrown has a reason', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const thrown: unknown[] = [
    undefined,
    null,
    'text',
    7,
    {},
    new Error(''),
    '\ud800',
    new Error('ä'.repeat(3_000)),
  ]
  bus.subscribe(Thing, once, ({ id }) => {
    throw thrown[Number(id)]
  })
  await bus.start()
  await bus.publishBatch(
    Thing,
    thrown.map((_, id) => ({ id: String(id), key: 'k' })),
  )
  await until(() => reports.length === thrown.length, 'their ends')
  assert.deepEqual(
    reports.map(report => report.outcome),
    thrown.map(() => 'dead-lettered'),
  )
  const letters = await bus.deadLetters().list()
  assert.deepEqual(
    letters.map(letter => letter.message.slice(0, 20)),
    [
      'a thrown undefined',
      'a thrown null',
      'text',
      'a thrown number',
      'a thrown object',
      'Error',
      '\ufffd',
      'ä'.repeat(20),
    ],
  )
})

test('a group whose name no topic may have has dead letters all the same', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  for (const group of ['eu/billing:v1', 'eu-billing-v1']) bus.subscribe(Thing, { group, ...once }, fail)
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => reports.length === 2, 'their ends')
  for (const group of ['eu/billing:v1', 'eu-billing-v1']) {
    assert.deepEqual(
      (await bus.deadLetters(group).list()).map(letter => letter.group),
      [group],
    )
  }
})

test('a broadcast has none: asking for them is refused', async () => {
  await using w = world()
  const { bus } = w.service()
  for (const options of [{ onFailure: 'dead-letter' }, { use: [deadLetter()] }] as const) {
    const subscribe = () => bus.subscribe(Thing, { group: false, ...options }, () => {})
    assert.match(throws(subscribe, 'CONFIG_INVALID').message, /broadcast/)
  }
})

test.run()
