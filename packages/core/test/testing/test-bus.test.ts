import {
  type Bus,
  type BusbarError,
  defineEvent,
  defineRequest,
  idempotent,
  retry,
  timeout,
} from '@busbar/core'
import { overSeeds, type TestBus, TestBusError, testBus } from '@busbar/core/testing'
import { NEVER, tap } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tinyStore } from './tiny-store.js'

const test = suite('the test bus')

interface Order {
  readonly id: string
  readonly customer: string
}

const Placed = defineEvent<Order>('order.placed', { key: order => order.customer })
const Paid = defineEvent<Order>('order.paid', { key: order => order.customer })
const Total = defineRequest<{ customer: string }, number>('order.total')

const order = (id: number, customer = 'ada'): Order => ({ id: `o${id}`, customer })

async function failureOf(work: Promise<unknown>): Promise<TestBusError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.instance(thrown, TestBusError)
  return thrown as TestBusError
}

test('track waits for everything that was caused, across buses and services', async () => {
  const t = testBus({ partitions: 4 })
  const [shop, till] = [t.bus('shop'), t.bus('till')]
  till.subscribe(Placed, async placed => void (await till.publish(Paid, placed)))
  shop.subscribe(Paid, async () => {
    for (let step = 0; step < 50; step += 1) await Promise.resolve()
  })
  await t.start()
  await t.track(() => shop.publishBatch(Placed, [order(1), order(2), order(3)]))
  assert.equal(t.published(Placed), [order(1), order(2), order(3)])
  assert.equal(t.published(Paid).length, 3)
  assert.equal(t.handled(Paid, { group: 'shop' }), [order(1), order(2), order(3)])
  await t.close()
})

test('track rejects with what a handler threw, and names the seed', async () => {
  const t = testBus({ seed: 77 })
  const bus = t.bus('shop')
  const cause = new Error('out of stock')
  bus.subscribe(Placed, { use: [retry({ attempts: 1 })] }, () => {
    throw cause
  })
  await t.start()
  const error = await failureOf(t.track(() => bus.publish(Placed, order(1))))
  assert.match(error.message, /^seed 77: shop\/order\.placed failed with order\.placed .*out of stock/)
  assert.match(error.message, 'testBus({ seed: 77 }) or BUSBAR_SEED=77')
  assert.is(error.cause, cause)
  assert.equal(
    t.deadLetters('shop').map(({ message }) => message),
    ['out of stock'],
  )
  await t.track(() => bus.publish(Placed, order(2)), { tolerateFailures: true })
  assert.is(t.deadLetters().length, 2)
  assert.equal(t.handled(Placed), [])
  await t.close()
})

test('track does not wait for a delay, and advance brings it at once', async () => {
  const t = testBus()
  const bus = t.bus('shop')
  bus.subscribe(Placed, () => {})
  await t.start()
  const real = performance.now()
  await t.track(() => bus.publish(Placed, order(1), { delayMs: 30 * 86_400_000 }))
  assert.equal(t.handled(Placed), [])
  await t.clock.advance(31 * 86_400_000)
  assert.equal(t.handled(Placed), [order(1)])
  assert.ok(performance.now() - real < 1_000, 'a month takes less than a second')
  await t.close()
})

test('advance within track runs retries, and their final failure is thrown', async () => {
  const t = testBus()
  const bus = t.bus('shop')
  let attempts = 0
  bus.subscribe(
    Placed,
    { use: [retry({ attempts: 3, delayMs: 3_600_000, maxDelayMs: 3_600_000, jitter: 'none' })] },
    () => {
      attempts += 1
      throw new Error('never')
    },
  )
  await t.start()
  await t.track(() => bus.publish(Placed, order(1)))
  assert.is(attempts, 1)
  const error = await failureOf(t.track(() => t.clock.advance(7_200_000)))
  assert.is(attempts, 3)
  assert.match(error.message, 'dead-lettered at attempt 3: never')
  await t.close()
})

test('track with advanceMs moves the clock until all is finished, and no further', async () => {
  const t = testBus()
  const bus = t.bus('shop')
  let attempts = 0
  bus.subscribe(
    Placed,
    { use: [retry({ attempts: 3, delayMs: 1_000, jitter: 'none', backoff: 'fixed' })] },
    () => {
      attempts += 1
      if (attempts < 3) throw new Error('not yet')
    },
  )
  await t.start()
  const start = t.clock.now
  await t.track(() => bus.publish(Placed, order(1)), { advanceMs: 60_000 })
  assert.is(attempts, 3)
  assert.ok(t.clock.now - start < 2_100)
  await t.close()
})

test('handlers may await real turns of the event loop, and short real timers', async () => {
  const t = testBus()
  const bus = t.bus('shop')
  bus.subscribe(Placed, { use: [timeout(60_000)] }, async () => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => setTimeout(resolve, 20))
  })
  await t.start()
  await t.track(() => bus.publish(Placed, order(1)))
  assert.equal(t.handled(Placed), [order(1)])
  await t.close()
})

test('a handler that never ends is named after the real-time limit', async () => {
  const t = testBus({ realTimeoutMs: 50 })
  const bus = t.bus('shop')
  bus.subscribe(Placed, () => new Promise(() => {}))
  await t.start()
  const error = await failureOf(t.track(() => bus.publish(Placed, order(1))))
  assert.match(error.message, /still running: the handler of order\.placed in shop/)
})

test('a tracked function that waits for the clock is told so at once', async () => {
  const t = testBus()
  const bus = t.bus('shop')
  bus.reply(Total, context => new Promise<number>(() => void context))
  const other = t.bus('till')
  await t.start()
  const request = defineRequest<object, number>('order.nobody')
  const error = await failureOf(t.track(() => other.request(request, {}, { timeoutMs: 1_000 })))
  assert.match(error.message, 'the function given to track waits for the virtual clock')
  const late = t.track(() => other.request(request, {}, { timeoutMs: 1_000 }), { advanceMs: 2_000 })
  assert.match((await failureOf(late)).message, 'no reply to order.nobody within 1000 ms')
})

test('a rebalance hands back what was unfinished, and it comes again', async () => {
  const t = testBus()
  const bus = t.bus('shop')
  const aborted: string[] = []
  let attempts = 0
  bus.subscribe(Placed, async (placed, context) => {
    attempts += 1
    if (attempts > 1) return
    await context.wait(60_000).catch(() => aborted.push(placed.id))
  })
  await t.start()
  await t.track(() => bus.publish(Placed, order(1)))
  await t.group('shop').rebalance()
  assert.equal(aborted, ['o1'])
  assert.is(attempts, 2)
  await t.close()
})

test('a crashed bus does nothing more, and another takes over what it had not finished', async () => {
  const t = testBus()
  const handled: string[] = []
  const make = (instance: string): Bus => {
    const bus = t.bus('shop')
    bus.subscribe(Placed, async (placed, context) => {
      if (instance === 'first') await context.wait(1_000)
      handled.push(`${instance} ${placed.id}`)
    })
    return bus
  }
  const first = make('first')
  await t.start()
  await t.track(() => first.publish(Placed, order(1)))
  assert.is(await t.group('shop').crash(), 'shop')
  make('second')
  await t.start()
  await t.clock.advance(5_000)
  assert.equal(handled, ['second o1'])
  await t.close()
})

test('a lost commit brings back what was finished', async () => {
  const t = testBus()
  let handled = 0
  const make = (): Bus => {
    const bus = t.bus('shop')
    bus.subscribe(Placed, () => {
      handled += 1
    })
    return bus
  }
  const bus = make()
  await t.start()
  t.faults.loseCommits(1)
  await t.track(() => bus.publish(Placed, order(1)))
  await t.clock.advance(5)
  assert.is(t.isDrained, false)
  await t.group('shop').crash()
  make()
  await t.start()
  await t.clock.advance(100)
  assert.is(handled, 2)
  assert.is(t.isDrained, true)
  await t.close()
})

test('a send can fail before or after it took effect, or be stored twice', async () => {
  const t = testBus()
  const bus = t.bus('shop')
  bus.subscribe(Placed, { use: [idempotent(tinyStore(t.runtime))] }, () => {})
  await t.start()
  const codeOf = (publish: Promise<unknown>) =>
    publish.catch((thrown: unknown) => (thrown as BusbarError).code)
  t.faults.failSends({ topic: 'order.placed' })
  assert.is(await t.track(() => codeOf(bus.publish(Placed, order(1)))), 'PUBLISH_FAILED')
  assert.equal(t.handled(Placed), [])
  t.faults.failSendsAfterwards()
  assert.is(await t.track(() => codeOf(bus.publish(Placed, order(2)))), 'PUBLISH_OUTCOME_UNKNOWN')
  assert.equal(t.handled(Placed), [order(2)])
  t.faults.duplicateSends()
  await t.track(() => bus.publish(Placed, order(3)))
  assert.is(t.broker.records('order.placed').length, 3)
  assert.equal(t.handled(Placed), [order(2), order(3)])
  await t.close()
})

test('a store can fail', async () => {
  const t = testBus()
  const bus = t.bus('shop')
  bus.subscribe(
    Placed,
    { use: [retry({ attempts: 1 }), idempotent(t.faults.store(tinyStore(t.runtime)))] },
    () => {},
  )
  await t.start()
  t.faults.failStoreCalls()
  const error = await failureOf(t.track(() => bus.publish(Placed, order(1))))
  assert.match(error.message, "injected fault: the store's claim failed")
  await t.close()
})

/** What a run looks like from outside, in the order in which it happened. */
async function traceOf(seed: number): Promise<readonly string[]> {
  const trace: string[] = []
  const t = testBus({
    seed,
    chaos: { sendFailsAfterwards: 0.2, duplicate: 0.3, commitLost: 0.3, rebalance: 0.05 },
    observer: {
      delivered: ({ topic, partition }, { record }) =>
        trace.push(`delivered ${topic}/${partition}@${record.offset}`),
      committed: ({ positions }, lost) => trace.push(`committed ${JSON.stringify(positions)} ${lost}`),
    },
  })
  const bus = t.bus('shop')
  bus.subscribe(Placed, async (placed, context) => {
    await context.wait(t.runtime.random() * 50)
    trace.push(`handled ${placed.id} ${context.id}`)
    await bus.publish(Paid, placed).catch(() => {})
  })
  bus.subscribe(Paid, paid => void trace.push(`paid ${paid.id}`))
  await t.start()
  for (let id = 0; id < 30; id += 1) void bus.publish(Placed, order(id, `c${id % 5}`)).catch(() => {})
  await t.drain()
  await t.close()
  return trace
}

test('one seed, one run; another seed, another run', async () => {
  const [one, again, other] = [await traceOf(5), await traceOf(5), await traceOf(6)]
  assert.ok(one.length > 100)
  assert.equal(again, one)
  assert.not.equal(other, one)
})

test('a test over many seeds names the seed that fails', async () => {
  const seeds: number[] = []
  const work = async (t: TestBus): Promise<void> => {
    seeds.push(t.seed)
    if (t.seed === 3) throw new Error('only for this one')
  }
  const error = await failureOf(overSeeds(10, work))
  assert.match(error.message, 'seed 3: only for this one')
  assert.equal(seeds, [1, 2, 3])
})

test('a process dies before or after its transaction; an answer that is lost begins its partitions anew', async () => {
  for (const [fault, handled] of [
    ['before', 2],
    ['after', 1],
    ['answer lost', 1],
    ['lost', 2],
  ] as const) {
    const t = testBus({ partitions: 1 })
    let runs = 0
    const died: Bus[] = []
    const start = async () => {
      const bus = t.bus('shop')
      bus.pipe(Placed, { exactlyOnce: true }, placed$ => placed$.pipe(tap(() => (runs += 1))), Paid)
      await t.start()
      return bus
    }
    const first = await start()
    if (fault === 'lost') t.faults.loseCommits()
    else if (fault === 'answer lost') t.faults.loseCommitAnswers()
    else t.faults.crashAtCommit(fault, bus => died.push(bus))
    await t.clock.until(first.publish(Placed, order(1)), 'publishing')
    await t.clock.advance(100)
    assert.equal(died, fault === 'before' || fault === 'after' ? [first] : [])
    assert.is(t.broker.records('order.paid').length, fault === 'before' ? 0 : 1, fault)
    if (died.length > 0) await start()
    await t.clock.advance(100)
    assert.is(runs, handled, fault)
    assert.is(t.broker.records('order.paid').length, 1, fault)
    assert.ok(t.isDrained)
    await t.close()
  }
})

test('what a pipeline waits for is seen', async () => {
  const t = testBus({ realTimeoutMs: 50 })
  const bus = t.bus('shop')
  bus.pipe(Placed, {}, () => NEVER, Paid)
  await t.start()
  const error = await failureOf(t.track(() => bus.publish(Placed, order(1))))
  assert.match(error.message, /the pipeline of order.placed/)
  await t.crash(bus)
})

test.run()
