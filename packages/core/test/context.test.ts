import { type BusbarError, createContextKey, defineEvent, type EventContext, retry } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DeliveryContext } from '../dist/context.js'
import { arrival, place, slotOf } from './support/arrival.js'
import { deferred } from './support/assertions.js'
import { recordingLogger, testBus } from './support/bus.js'
import { countedSignal } from './support/counted-signal.js'
import { bytes, delivery } from './support/deliveries.js'

const test = suite('context')
const make = (...ends: AbortSignal[]) => {
  const logger = recordingLogger()
  const context = new DeliveryContext(
    place(logger),
    delivery(3, 'k').record,
    arrival(slotOf(...ends)),
    new AbortController().signal,
  )
  return { context, lines: logger.lines }
}

test('listens to the ends of its delivery only once it is asked for its signal, and only until it is released', () => {
  const [partition, drain] = [countedSignal(), countedSignal()]
  const { context } = make(partition.signal, drain.signal)
  assert.equal([partition.count(), drain.count()], [0, 0])
  assert.is(context.signal, context.signal)
  assert.equal([partition.count(), drain.count()], [1, 1])
  context.release()
  assert.equal([partition.count(), drain.count()], [0, 0])
})

test('asking for the signal after the end of the delivery leaves no listener behind', () => {
  const partition = countedSignal()
  const { context } = make(partition.signal)
  context.release()
  assert.not.ok(context.signal.aborted)
  assert.is(partition.count(), 0)
})

test('its signal aborts with the reason of whichever end comes, also one that has come before', () => {
  const [partition, drain] = [countedSignal(), countedSignal()]
  const reason = new Error('moved away')
  const { context } = make(partition.signal, drain.signal)
  const { signal } = context
  drain.abort(reason)
  assert.is(signal.reason, reason)
  assert.ok(context.ended)
  assert.is(make(AbortSignal.abort(reason)).context.signal.reason, reason)
})

test('its logger names the delivery in every line, and is made once', () => {
  const { context, lines } = make()
  assert.is(context.logger, context.logger)
  context.logger.info({ mine: 1 }, 'text')
  const fields = { event: 'e', id: 't/0@3', group: 'g', subscription: 's', attempt: 1, mine: 1 }
  assert.equal(lines, [{ level: 'info', message: 'text', fields }])
})

test('a record without an envelope has its position as its id', () => {
  const { context } = make()
  assert.equal([context.id, context.source, context.key], ['t/0@3', '', 'k'])
  assert.equal([context.topic, context.partition, context.offset], ['t', 0, 3])
})

const Thing = defineEvent<{ n: number }>('thing')

test('a handler knows its delivery, and values set outside of it', async () => {
  const { bus } = testBus()
  const user = createContextKey('user', 'nobody')
  const seen = deferred<EventContext<{ n: number }>>()
  let value = ''
  bus.use({
    name: 'auth',
    record: async (context, next) => {
      context.values.set(user, 'ada')
      await next()
    },
  })
  bus.subscribe(Thing, { group: 'g', name: 's' }, (_, context) => {
    value = context.values.get(user)
    seen.resolve(context)
  })
  await deadline(5_000, 'delivery', async () => {
    await bus.start()
    await bus.publish(
      Thing,
      { n: 1 },
      { key: 'k', id: 'the-id', headers: { traceparent: '00', raw: bytes('x') } },
    )
    const context = await seen.promise
    assert.equal(
      [context.id, context.event, context.source, context.key],
      ['the-id', 'thing', 'service', 'k'],
    )
    assert.equal([context.group, context.subscription, context.attempt], ['g', 's', 1])
    assert.equal([context.topic, context.partition, context.offset], ['thing', 0, 0])
    assert.equal([context.headers.get('traceparent'), context.payload, value], ['00', { n: 1 }, 'ada'])
    assert.ok(Math.abs(Date.now() - context.timestampMs) < 60_000)
    await bus.close()
  })
})

test('a thousand handlers that listen for the end of their delivery draw no warning', async () => {
  const { bus } = testBus({ consume: { concurrency: 2_000, maxInFlight: 2_000 } })
  const warnings: Error[] = []
  const onWarning = (warning: Error) => void warnings.push(warning)
  process.on('warning', onWarning)
  const gate = deferred()
  let aborted = 0
  let running = 0
  bus.subscribe(Thing, async (_, { signal }) => {
    signal.addEventListener('abort', () => aborted++)
    running++
    await gate.promise
  })
  await deadline(10_000, 'a thousand', async () => {
    await bus.start()
    await bus.publishBatch(
      Thing,
      Array.from({ length: 1_000 }, (_, n) => ({ n })),
    )
    await eventually(() => assert.is(running, 1_000))
    await bus.close({ timeoutMs: 5 })
  })
  process.off('warning', onWarning)
  gate.resolve()
  assert.equal(warnings.map(String), [])
  assert.is(aborted, 1_000)
})

test('the signal of a handler aborts when its partition moves to another member', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const { bus } = testBus({ broker })
  const { bus: other } = testBus({ broker })
  const reason = deferred<unknown>()
  let calls = 0
  const handler = (_: { n: number }, { signal }: EventContext) => {
    if (++calls > 1) return
    return new Promise<void>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reason.resolve(signal.reason)
        reject(new Error('stopped'))
      })
    })
  }
  const subscription = bus.subscribe(Thing, handler)
  bus.subscribe(defineEvent('unrelated'), () => {})
  other.subscribe(Thing, handler)
  await deadline(5_000, 'revocation', async () => {
    await bus.start()
    await bus.publish(Thing, { n: 1 })
    await eventually(() => assert.is(calls, 1))
    await other.start()
    await subscription.close({ timeoutMs: 20 })
    assert.ok(await reason.promise)
    await eventually(() => assert.is(calls, 2))
    await Promise.all([bus.close(), other.close()])
  })
})

test('the signal of a later attempt aborts when its delivery ends, too', async () => {
  const { bus } = testBus()
  const second = deferred()
  const reason = deferred<unknown>()
  bus.subscribe(Thing, { use: [retry({ delayMs: 1 })] }, (_, { signal, attempt }) => {
    if (attempt === 1) throw new Error('once')
    second.resolve()
    return new Promise<void>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reason.resolve(signal.reason)
        reject(new Error('stopped'))
      })
    })
  })
  await deadline(5_000, 'the second attempt', async () => {
    await bus.start()
    await bus.publish(Thing, { n: 1 })
    await second.promise
    await bus.close({ timeoutMs: 20 })
    assert.is(((await reason.promise) as BusbarError).code, 'ABORTED')
  })
})

test('asynchronous contexts are added inside of one another, anew for each attempt', () => {
  const { context } = make()
  const seen: string[] = []
  const adding = (name: string) =>
    context.addScope(run => {
      seen.push(name)
      return run()
    })
  for (const attempt of ['first', 'second']) {
    adding(`${attempt}, outer`)
    adding(`${attempt}, inner`)
    assert.is(
      context.scope?.(() => attempt),
      attempt,
    )
    context.nextAttempt()
    assert.is(context.scope, undefined)
  }
  assert.equal(seen, ['first, outer', 'first, inner', 'second, outer', 'second, inner'])
})

test.run()
