import { BusbarError, defineEvent, type Transport } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred, rejects, throws } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { FakeRuntime, settle } from './support/fake-runtime.js'

const test = suite('closing')
const Thing = defineEvent<number>('thing')

/** An in-memory transport with some methods replaced. */
function transportWith(replaced: (real: Transport) => Partial<Transport>): Transport {
  const real = memoryTransport({ broker: memoryBroker({ partitions: 1 }) })
  const { connect, [Symbol.asyncDispose]: dispose } = replaced(real)
  const connecting = real.connect.bind(real)
  const disposing = real[Symbol.asyncDispose].bind(real)
  real.connect = connect ?? connecting
  real[Symbol.asyncDispose] = dispose ?? disposing
  return real
}

test('close during the start stops it, and everything that waited learns of it', async () => {
  const transport = transportWith(() => ({
    connect: ({ signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error))
      }),
  }))
  const { bus } = testBus({ transport })
  await deadline(5_000, 'close', async () => {
    const waiting = [bus.start(), bus.publish(Thing, 1), bus.ready(), bus.publishBatch(Thing, [1])]
    const refused = waiting.map(each => rejects(each, 'BUS_CLOSED'))
    await settle()
    await bus.close()
    await Promise.all(refused)
  })
})

test('close during a start that connects all the same joins nothing', async () => {
  const gate = deferred()
  const broker = memoryBroker({ partitions: 1 })
  const transport = memoryTransport({ broker })
  const connect = transport.connect.bind(transport)
  transport.connect = async options => {
    await gate.promise
    // As a transport that does not look at the signal.
    await connect({ ...options, signal: new AbortController().signal })
  }
  const { bus } = testBus({ transport })
  bus.subscribe(Thing, () => {})
  await deadline(5_000, 'close', async () => {
    const started = rejects(bus.start(), 'BUS_CLOSED')
    const closed = bus.close()
    gate.resolve()
    await Promise.all([started, closed])
    assert.equal(broker.describeGroup('service').generation, 0)
  })
})

test('a connection that never comes and a transport that never lets go do not keep close from ending', async () => {
  const runtime = new FakeRuntime()
  const never = () => new Promise<never>(() => {})
  const transport = transportWith(() => ({ connect: never, [Symbol.asyncDispose]: never }))
  const { bus, lines } = testBus({ transport, runtime })
  void bus.start()
  const refused = rejects(bus.publish(Thing, 1), 'BUS_CLOSED')
  await deadline(5_000, 'close', async () => {
    const closed = bus.close({ timeoutMs: 100 })
    await runtime.advance(100)
    await refused
    await runtime.advance(5_000)
    await closed
  })
  assert.ok(lines.some(line => line.level === 'error' && /given up/.test(line.message)))
  assert.is(runtime.pending, 0)
})

test('a transport that fails to let go makes close reject, and the bus is closed all the same', async () => {
  const transport = transportWith(() => ({
    [Symbol.asyncDispose]: () => Promise.reject(new BusbarError('CONNECTION_FAILED', 'gone')),
  }))
  const { bus } = testBus({ transport })
  await deadline(5_000, 'close', async () => {
    await bus.start()
    await rejects(bus.close(), 'CONNECTION_FAILED')
    await rejects(bus.publish(Thing, 1), 'BUS_CLOSED')
  })
})

test('after close everything is refused, closing again waits for the same end', async () => {
  const { bus } = testBus()
  await deadline(5_000, 'close', async () => {
    await bus.start()
    await Promise.all([bus.close(), bus.close(), bus[Symbol.asyncDispose]()])
    await rejects(bus.publish(Thing, 1), 'BUS_CLOSED')
    await rejects(bus.publishBatch(Thing, [1]), 'BUS_CLOSED')
    await rejects(bus.start(), 'BUS_CLOSED')
    throws(() => bus.subscribe(Thing, () => {}), 'BUS_CLOSED')
  })
})

test('close without a start refuses what waits', async () => {
  const { bus } = testBus()
  await deadline(5_000, 'close', async () => {
    const refused = [rejects(bus.publish(Thing, 1), 'BUS_CLOSED'), rejects(bus.ready(), 'BUS_CLOSED')]
    await bus.close()
    await Promise.all(refused)
  })
})

test('close lets handlers finish, and they can still publish; nothing is sent once the transport is released', async () => {
  const { bus, broker } = testBus()
  const gate = deferred()
  let calls = 0
  bus.subscribe(Thing, async n => {
    calls++
    await gate.promise
    await bus.publish(defineEvent<number>('after'), n)
  })
  await deadline(5_000, 'close', async () => {
    await bus.start()
    await bus.publish(Thing, 1)
    await eventually(() => assert.is(calls, 1))
    const closed = bus.close()
    await settle()
    gate.resolve()
    await closed
    assert.is(broker.records('after').length, 1)
    assert.equal(
      broker
        .positions('service')
        .filter(({ topic }) => topic === 'thing')
        .map(position => position.lag),
      [0],
    )
  })
})

test('past its deadline close hands the record back, and says so', async () => {
  const { bus, broker, lines } = testBus()
  let calls = 0
  bus.subscribe(Thing, () => {
    calls++
    return new Promise(() => {})
  })
  await deadline(5_000, 'close', async () => {
    await bus.start()
    await bus.publish(Thing, 1)
    await eventually(() => assert.is(calls, 1))
    await bus.close({ timeoutMs: 5 })
    assert.equal(
      broker
        .positions('service')
        .filter(({ topic }) => topic === 'thing')
        .map(position => position.lag),
      [1],
    )
    assert.ok(lines.some(line => line.level === 'warn' && /did not drain in time/.test(line.message)))
  })
})

test('await using closes the bus', async () => {
  const { bus } = testBus()
  await deadline(5_000, 'await using', async () => {
    {
      await using same = bus
      await same.start()
    }
    await rejects(bus.start(), 'BUS_CLOSED')
  })
})

test.run()
