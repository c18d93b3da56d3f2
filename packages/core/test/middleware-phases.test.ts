import { defineRequest, type Middleware, retry } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects, throws } from './support/assertions.js'
import { Thing, until, world } from './support/failure-world.js'

const test = suite('phases of middleware')
const Ask = defineRequest<Thing, string>('ask')

test('attempts are inside of the delivery and outside of decoding: each is seen, with its failure', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const seen: string[] = []
  const layer =
    (phase: string): NonNullable<Middleware['record']> =>
    async (context, next) => {
      seen.push(`${phase} ${context.attempt}`)
      try {
        await next()
        seen.push(`${phase} done`)
      } catch (thrown) {
        seen.push(`${phase} failed: ${(thrown as Error).message}`)
        throw thrown
      }
    }
  bus.use({ name: 'seen', record: layer('record'), attempt: layer('attempt'), event: layer('event') })
  bus.subscribe(Thing, { use: [retry({ attempts: 2, delayMs: 1 })] }, (_, { attempt }) => {
    if (attempt === 1) throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.equal(seen, [
    'record 1',
    'attempt 1',
    'event 1',
    'event failed: no',
    'attempt failed: no',
    'attempt 2',
    'event 2',
    'event done',
    'attempt done',
    'record done',
  ])
})

test('an attempt fails also where the bytes cannot be decoded', async () => {
  await using w = world()
  const { bus, transport, reports } = w.service()
  const failed: unknown[] = []
  bus.use({
    name: 'seen',
    attempt: async (_, next) => {
      await next().catch(thrown => {
        failed.push((thrown as { code: string }).code)
        throw thrown
      })
    },
  })
  bus.subscribe(Thing, () => {})
  await bus.start()
  const record = await bus.encode(Thing, { id: 'a' })
  await transport.send([{ ...record, value: new Uint8Array([123]) }])
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.equal([failed, reports[0]?.outcome], [['DECODE_FAILED'], 'dead-lettered'])
})

test('a batch has one layer around each call of its handler, with the records that it gets', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  const batches: unknown[] = []
  const own: string[] = []
  bus.use({
    name: 'seen',
    batch: async ({ event, group, subscription, topic, partition, records }, next) => {
      batches.push([event, group, subscription, topic, partition, records.map(({ payload }) => payload)])
      await next()
    },
  })
  const each: Middleware = { name: 'own', batch: (_, next) => next().finally(() => own.push('own')) }
  bus.subscribeBatch(Thing, { maxSize: 2, use: [each] }, () => {})
  await bus.start()
  await bus.publishBatch(Thing, [{ id: 'a' }, { id: 'b' }])
  await w.advanceUntil(() => reports.length === 2, 'its end')
  assert.equal(batches, [['thing', 'service', 'service/thing', 'things', 0, [{ id: 'a' }, { id: 'b' }]]])
  assert.equal(own, ['own'])
})

test('a layer around a batch that fails fails its records', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  bus.use({
    name: 'refusing',
    batch: () => {
      throw new Error('no batch')
    },
  })
  bus.subscribeBatch(Thing, { maxSize: 1, use: [retry({ attempts: 1 })] }, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.is(reports[0]?.outcome, 'dead-lettered')
  assert.match(String(reports[0]?.error), /no batch/)
})

test('a request has a layer around its round trip, which sees its failure', async () => {
  await using w = world()
  const { bus } = w.service()
  const seen: unknown[] = []
  bus.use({
    name: 'seen',
    request: async ({ event, topic, payload, timeoutMs }, next) => {
      seen.push([event, topic, payload, timeoutMs])
      await next().catch(thrown => {
        seen.push((thrown as { code: string }).code)
        throw thrown
      })
    },
  })
  bus.reply(Ask, ({ id }) => {
    if (id === 'bad') throw new Error('no')
    return 'yes'
  })
  await bus.start()
  assert.is(await bus.request(Ask, { id: 'good' }, { timeoutMs: 100 }), 'yes')
  await rejects(bus.request(Ask, { id: 'bad' }), 'REMOTE_FAILED')
  assert.equal(seen, [
    ['ask', 'ask', { id: 'good' }, 100],
    ['ask', 'ask', { id: 'bad' }, 5_000],
    'REMOTE_FAILED',
  ])
})

test('a layer that keeps a request to itself is an error and no empty reply', async () => {
  await using w = world()
  const { bus } = w.service()
  bus.use({ name: 'swallowing', request: () => {} })
  await bus.start()
  const { message } = await rejects(bus.request(Ask, { id: 'a' }), 'MIDDLEWARE_MISUSED')
  assert.match(message, /without sending it/)
})

test('a middleware is attached to its bus once, and is no matter of a subscription', async () => {
  await using w = world()
  const { bus } = w.service()
  const attached: unknown[] = []
  bus.use({ name: 'attached', attach: to => void attached.push(to) })
  assert.ok(attached.length === 1 && attached[0] === bus)
  assert.equal([bus.uses('attached'), bus.uses('other')], [true, false])
  const { message } = throws(
    () => bus.subscribe(Thing, { use: [{ name: 'attached', attach: () => {} }] }, () => {}),
    'CONFIG_INVALID',
  )
  assert.match(message, /for the whole bus/)
})

test('a function that makes a middleware and was not called fails deliveries, and loses none in silence', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  // @ts-expect-error it is to be called
  bus.use(retry)
  bus.subscribe(Thing, { use: [] }, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.is(reports[0]?.outcome, 'dead-lettered')
  assert.match(String(reports[0]?.error), /"retry" returned an object .* Then call it: retry\(\)/)
})

test('a middleware that is attached stands on its bus once, and one that refuses its bus not at all', async () => {
  await using w = world()
  const { bus } = w.service()
  const attach = () => {}
  bus.use({ name: 'attached', attach })
  const { message } = throws(() => bus.use({ name: 'attached', attach }), 'CONFIG_INVALID')
  assert.match(message, /"attached" is there already/)
  const refusing = {
    name: 'refusing',
    attach: () => {
      throw new Error('not this bus')
    },
  }
  try {
    bus.use(refusing)
    assert.unreachable()
  } catch {
    assert.not(bus.uses('refusing'))
  }
})

test('what the start makes sure of fails it, and is made sure of again', async () => {
  await using w = world()
  const { bus, reports } = w.service()
  let isMissing = true
  bus.onStart(async () => {
    if (isMissing) throw new Error('something is missing')
  })
  bus.subscribe(Thing, () => {})
  const published = bus.publish(Thing, { id: 'a' })
  assert.match(String(await bus.start().catch((thrown: unknown) => thrown)), /something is missing/)
  assert.is(reports.length, 0)
  isMissing = false
  await bus.start()
  await published
  await until(() => reports.length === 1, 'its end')
  throws(() => bus.onStart(() => {}), 'CONFIG_INVALID')
})

test.run()
