import { BusbarError, defineEvent, type Transport } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects, throws } from './support/assertions.js'
import { testBus } from './support/bus.js'
import { settle } from './support/fake-runtime.js'

const test = suite('lifecycle')
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

test('starts once, however often it is called, and is ready then', async () => {
  let connects = 0
  const transport = transportWith(real => {
    const connect = real.connect.bind(real)
    return {
      connect: options => {
        connects++
        return connect(options)
      },
    }
  })
  const { bus } = testBus({ transport })
  await deadline(5_000, 'start', async () => {
    const ready = bus.ready()
    await Promise.all([bus.start(), bus.start()])
    await Promise.all([bus.start(), ready, bus.ready()])
    assert.is(connects, 1)
    await bus.close()
  })
})

test('a start that failed can be tried again, and publishes wait for the one that succeeds', async () => {
  let fails = true
  const transport = transportWith(real => {
    const connect = real.connect.bind(real)
    return {
      connect: async options => {
        if (fails) throw new BusbarError('CONNECTION_FAILED', 'nobody there')
        await connect(options)
      },
    }
  })
  const { bus } = testBus({ transport })
  await deadline(5_000, 'start', async () => {
    const published = bus.publish(Thing, 1)
    const ready = bus.ready()
    await rejects(bus.start(), 'CONNECTION_FAILED')
    bus.use(() => {})
    fails = false
    await bus.start()
    await Promise.all([published, ready])
    await bus.close()
  })
})

test('a start whose topic is missing leaves what it joined, and can be tried again', async () => {
  const { bus, broker } = testBus({ topics: { create: false } })
  broker.createTopic('thing')
  const got: number[] = []
  bus.subscribe(Thing, { group: 'one' }, n => got.push(n))
  bus.subscribe(Thing, { group: false }, n => got.push(n))
  bus.subscribe(defineEvent('missing'), { group: 'two' }, () => {})
  await deadline(5_000, 'start', async () => {
    await rejects(bus.start(), 'TOPIC_MISSING')
    assert.equal(broker.describeGroup('one').members, [])
    throws(() => bus.use(() => {}), 'CONFIG_INVALID')
    broker.createTopic('missing')
    await bus.start()
    await bus.publish(Thing, 1)
    await eventually(() => assert.equal(got, [1, 1]))
    await settle()
    assert.equal(got, [1, 1])
    await bus.close()
  })
})

test('a broadcast one of whose topics is missing leaves no reader behind', async () => {
  const { bus, broker } = testBus({ topics: { create: false } })
  broker.createTopic('thing')
  const got: number[] = []
  bus.subscribe(Thing, { group: false }, n => got.push(n))
  bus.subscribe(defineEvent('missing'), { group: false }, () => {})
  await deadline(5_000, 'start', async () => {
    await rejects(bus.start(), 'TOPIC_MISSING')
    await bus.publish(Thing, 0)
    broker.createTopic('missing')
    await bus.start()
    await bus.publish(Thing, 1)
    await eventually(() => assert.ok(got.includes(1)))
    await settle()
    assert.equal(got, [1])
    await bus.close()
  })
})

test('a listener of bus events that throws stops neither the others nor the bus', async () => {
  const { bus, lines } = testBus()
  const seen: string[] = []
  bus.onEvent(() => {
    throw new Error('listener')
  })
  const stop = bus.onEvent(event => seen.push(event.type))
  bus.subscribe(Thing, () => {})
  await deadline(5_000, 'events', async () => {
    await bus.start()
    await eventually(() => assert.equal(seen, ['assigned']))
    stop()
    await bus.close()
    assert.equal(seen, ['assigned'])
    assert.ok(lines.some(line => /listener/.test(line.message)))
  })
})

test.run()
