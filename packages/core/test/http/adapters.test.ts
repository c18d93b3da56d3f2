import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { createBus, currentCorrelation, defineEvent, type Transport } from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { type MemoryBroker, memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type LogLine, recordingLogger } from '../support/bus.js'
import { headerOf } from '../support/failure-world.js'
import { post, servers, type User, UserCreated } from './support/servers.js'

const WelcomeSent = defineEvent<User>('welcome.sent', { topic: 'welcomes' })
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const tracestate = 'vendor=value'

function service(
  options: { broker?: MemoryBroker; transport?: Transport; health?: { stalledAfterMs: number } } = {},
) {
  const { broker = memoryBroker({ partitions: 2 }), health } = options
  const lines: LogLine[] = []
  const bus = createBus({
    name: 'accounts',
    transport: options.transport ?? memoryTransport({ broker }),
    logger: recordingLogger(lines),
    ...(health && { health }),
  })
  return { broker, bus, lines }
}

for (const [name, start] of Object.entries(servers)) {
  const test = suite(`${name} with a bus`)

  test('what a request publishes carries its correlation and trace, and so does what handlers publish', async () => {
    const { broker, bus } = service()
    const scopes: unknown[] = []
    bus.subscribe(UserCreated, async user => {
      scopes.push(currentCorrelation()?.trace)
      await bus.publish(WelcomeSent, user)
    })
    const server = await start(bus)
    await deadline(10_000, 'the request', async () => {
      const headers = { 'x-correlation-id': 'order-7', traceparent, tracestate }
      const response = await post(server.url, { id: '1' }, headers)
      assert.equal([response.status, response.headers.get('x-correlation-id')], [201, 'order-7'])
      const { id } = (await response.json()) as { id: string }
      await eventually(() => assert.is(broker.records('welcomes').length, 1))
      const expected = (causation: string | undefined) => ['order-7', causation, traceparent, tracestate]
      const found = (topic: string) =>
        ['ce_correlationid', 'ce_causationid', 'traceparent', 'tracestate'].map(header => {
          const [record] = broker.records(topic)
          return record && headerOf(record, header)
        })
      assert.equal(found('users'), expected(undefined))
      assert.equal(found('welcomes'), expected(id))
      assert.equal(scopes, [{ traceparent, tracestate }])
      await server.close()
    })
  })

  test('a body that comes later, in pieces, does not lose the scope of its request', async () => {
    const { broker, bus } = service()
    const server = await start(bus)
    await deadline(10_000, 'the request', async () => {
      const headers = { 'content-type': 'application/json', 'x-correlation-id': 'slow' }
      const sending = request(`${server.url}/users`, { method: 'POST', headers })
      const answered = once(sending, 'response')
      for (const piece of ['{"id"', ':"1"', '}']) {
        sending.write(piece)
        await new Promise(resolve => setTimeout(resolve, 30))
      }
      sending.end()
      const [response] = (await answered) as [IncomingMessage]
      assert.is(response.resume().statusCode, 201)
      assert.equal(
        broker.records('users').map(record => headerOf(record, 'ce_correlationid')),
        ['slow'],
      )
      await server.close()
    })
  })

  test('an answer that is an error has the correlation id too', async () => {
    const { bus } = service()
    const server = await start(bus, {
      onRequest: async () => {
        throw new Error('no')
      },
    })
    await deadline(10_000, 'the request', async () => {
      const response = await post(server.url, { id: '1' }, { 'x-correlation-id': 'failing' })
      assert.equal([response.status, response.headers.get('x-correlation-id')], [500, 'failing'])
      await server.close()
    })
  })

  test('each of many requests at a time has a correlation of its own', async () => {
    const { broker, bus } = service()
    const server = await start(bus)
    await deadline(10_000, 'the requests', async () => {
      const ids = Array.from({ length: 50 }, (_, id) => String(id))
      const answers = await Promise.all(ids.map(id => post(server.url, { id })))
      const given = answers.map(({ headers }) => headers.get('x-correlation-id'))
      assert.is(new Set(given).size, 50)
      const correlations = new Map(
        broker
          .records('users')
          .map(record => [Buffer.from(record.key ?? []).toString(), headerOf(record, 'ce_correlationid')]),
      )
      assert.equal(
        ids.map(id => correlations.get(id)),
        given,
      )
      await server.close()
    })
  })

  test('ids and traces that are no such thing are not passed on', async () => {
    const { broker, bus } = service()
    const server = await start(bus)
    await deadline(10_000, 'the requests', async () => {
      for (const [header, value] of [
        ['x-correlation-id', 'x'.repeat(129)],
        ['x-correlation-id', 'two words'],
        ['traceparent', '00-00000000000000000000000000000000-00f067aa0ba902b7-01'],
        ['traceparent', `${traceparent}-more`],
        ['traceparent', `ff${traceparent.slice(2)}`],
      ] as const)
        await post(server.url, { id: '1' }, { [header]: value })
      for (const record of broker.records('users')) {
        assert.match(headerOf(record, 'ce_correlationid') ?? '', /^[\da-f-]{36}$/)
        assert.is(headerOf(record, 'traceparent'), undefined)
      }
      await post(server.url, { id: '1' }, { 'x-request-id': 'from-the-proxy' })
      const ids = broker.records('users').map(record => headerOf(record, 'ce_correlationid'))
      assert.is(ids.length, 6)
      assert.ok(ids.includes('from-the-proxy'))
      await server.close()
    })
  })

  test('says how the bus is, and red with the reason when a partition stalls', async () => {
    const { bus } = service({ health: { stalledAfterMs: 50 } })
    bus.subscribe(UserCreated, () => new Promise(() => {}))
    const server = await start(bus, { closeTimeoutMs: 200 })
    const ask = async (path: string, method = 'GET') => {
      const response = await fetch(`${server.url}${path}`, { method })
      return {
        status: response.status,
        body: await response.text(),
        type: response.headers.get('content-type'),
      }
    }
    await deadline(10_000, 'health', async () => {
      assert.equal(await ask('/health/live'), {
        status: 200,
        body: '{"state":"running","problems":[]}',
        type: 'application/json; charset=utf-8',
      })
      assert.is((await ask('/health/ready')).status, 200)
      assert.equal(
        [(await ask('/health/ready', 'HEAD')).status, (await ask('/health/ready', 'HEAD')).body],
        [200, ''],
      )
      assert.is((await ask('/health/ready?verbose')).status, 200)
      assert.is((await ask('/health/ready', 'POST')).status, 404)
      assert.is((await ask('/health')).status, 404)
      await post(server.url, { id: '1' })
      await eventually(async () => assert.is((await ask('/health/ready')).status, 503))
      const { state, status, problems } = JSON.parse((await ask('/health/ready')).body) as Awaited<
        ReturnType<typeof bus.health>
      >
      assert.equal(
        [state, status, problems[0]?.kind, problems[0]?.group],
        ['running', 'red', 'stalled', 'accounts'],
      )
      assert.match(problems[0]?.what ?? '', /^partition users\/\d of group accounts$/)
      assert.is((await ask('/health/live')).status, 200, 'a stall is no reason for a new process')
      assert.equal(await ask('/metrics'), { status: 200, body: 'up 1\n', type: 'text/plain; version=0.0.4' })
      await server.close()
    })
  })

  test('200 requests under way when it closes: each accepted one is published and handled', async () => {
    const { broker, bus } = service()
    const handled = new Set<string>()
    bus.subscribe(UserCreated, async ({ id }) => {
      await new Promise(resolve => setTimeout(resolve, 5))
      handled.add(id)
    })
    let underWay = 0
    let go = () => {}
    const going = new Promise<void>(resolve => {
      go = resolve
    })
    const server = await start(bus, {
      onRequest: () => {
        underWay += 1
        return going
      },
    })
    await deadline(20_000, 'the close', async () => {
      const requests = Array.from({ length: 200 }, (_, id) => post(server.url, { id: String(id) }))
      await eventually(() => assert.is(underWay, 200))
      const startMs = performance.now()
      const closed = server.close()
      await eventually(() => assert.is(bus.state, 'draining'))
      go()
      const answers = await Promise.all(requests)
      assert.equal([...new Set(answers.map(({ status }) => status))], [201])
      await closed
      assert.ok(performance.now() - startMs < 4_500, 'it waited for connections that clients keep')
      assert.is(bus.state, 'closed')
      assert.is(broker.records('users').length, 200)
      // What was published while the group was being left is for the next instance; it is not lost.
      const lag = broker.positions('accounts').reduce((sum, each) => sum + each.lag, 0)
      assert.is(handled.size + lag, 200)
      await fetch(server.url).then(
        () => assert.unreachable('it should not listen any more'),
        () => {},
      )
    })
  })

  test('a handler that hangs and a request that hangs are cut off within the time', async () => {
    const { broker, bus } = service()
    let isHandling = false
    bus.subscribe(UserCreated, () => {
      isHandling = true
      return new Promise(() => {})
    })
    let hangs = false
    let isServing = false
    const server = await start(bus, {
      closeTimeoutMs: 300,
      onRequest: async () => {
        isServing = hangs
        if (hangs) await new Promise(() => {})
      },
    })
    await deadline(10_000, 'the close', async () => {
      await post(server.url, { id: '1' })
      await eventually(() => assert.ok(isHandling))
      hangs = true
      const cut = post(server.url, { id: '2' }).then(
        () => 'answered',
        () => 'cut off',
      )
      await eventually(() => assert.ok(isServing))
      await server.close()
      assert.is(await cut, 'cut off')
      assert.is(
        broker.positions('accounts').reduce((sum, each) => sum + each.lag, 0),
        1,
      )
    })
  })

  // The versions of a framework close alike, and this takes its time.
  if (['Express 5', 'Fastify 5'].includes(name))
    test('a handler may take most of the time for closing, also when the requests have ended long before', async () => {
      const { broker, bus } = service()
      let isHandling = false
      bus.subscribe(UserCreated, async () => {
        isHandling = true
        await new Promise(resolve => setTimeout(resolve, 1_400))
      })
      const server = await start(bus, { closeTimeoutMs: 2_000 })
      await deadline(10_000, 'the close', async () => {
        await post(server.url, { id: '1' })
        await eventually(() => assert.ok(isHandling))
        await server.close()
        const lag = broker.positions('accounts').reduce((sum, each) => sum + each.lag, 0)
        assert.is(lag, 0, 'the record was finished in time and is acknowledged')
      })
    })

  test('serves a bus that has started before, and says what does not reach its events', async () => {
    const { broker, bus, lines } = service()
    await bus.start()
    const server = await start(bus)
    await deadline(10_000, 'the request', async () => {
      assert.is((await post(server.url, { id: '1' }, { traceparent })).status, 201)
      assert.is(broker.records('users').map(record => headerOf(record, 'traceparent'))[0], undefined)
      assert.ok(lines.some(({ level, message }) => level === 'warn' && /before the bus starts/.test(message)))
      await server.close()
    })
  })

  test.run()
}
