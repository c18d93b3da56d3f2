import {
  type Bus,
  type BusbarError,
  type Codec,
  createBus,
  type DeadLetter,
  defineEvent,
  type EventDefinition,
  type Middleware,
  retry,
  type SchemaRegistry,
  silentLogger,
} from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { deadline, eventually, registryForTests, uniqueName } from '@busbar/testkit'
import { type MemoryBroker, memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'
import { type Proxied, proxied } from './support/proxied.js'

const test = suite('a bus whose schema registry fails')

const real = await registryForTests()

interface User {
  readonly id: string
}

interface Scene extends Proxied {
  readonly broker: MemoryBroker
  /** A contract of a topic and subject of its own, and the same with a newer schema. */
  readonly event: EventDefinition<User>
  readonly newer: EventDefinition<User>
  readonly subject: string
  bus(registry: SchemaRegistry): Bus
  /** Publishes past the proxy, registering what is missing. */
  publish(event: EventDefinition<User>, ...ids: string[]): Promise<void>
}

function faultTest(name: string, run: (scene: Scene) => Promise<void>): void {
  if (real === undefined) return
  test(name, () =>
    deadline(
      20_000,
      name,
      proxied(real, async each => {
        const broker = memoryBroker({ partitions: 1 })
        const topic = uniqueName('users')
        const buses: Bus[] = []
        const bus = (registry: SchemaRegistry): Bus => {
          const made = createBus({
            name: 'service',
            transport: memoryTransport({ broker }),
            registry,
            logger: silentLogger,
          })
          buses.push(made)
          return made
        }
        const id = { name: 'id', type: 'string' } as const
        const note = { name: 'note', type: 'string', default: '' } as const
        const schema = avro({ type: 'record', name: 'User', namespace: 'x', fields: [id] })
        const newerSchema = avro({ type: 'record', name: 'User', namespace: 'x', fields: [id, note] })
        const publish: Scene['publish'] = async (event, ...ids) => {
          const writer = bus(writers)
          await writer.start()
          for (const user of ids) await writer.publish(event, { id: user })
          await writer.close()
        }
        const { client } = each
        const writers = client({ url: real.url, autoRegister: true })
        try {
          await run({
            ...each,
            broker,
            event: defineEvent(topic, { schema }),
            newer: defineEvent(topic, { schema: newerSchema }),
            subject: `${topic}-value`,
            bus,
            publish,
          })
        } finally {
          await Promise.all(buses.map(made => made.close()))
        }
      }),
    ),
  )
}

/** What a subscription handles, in order. */
function handledBy(bus: Bus, event: EventDefinition<User>, ...use: Middleware[]): string[] {
  const ids: string[] = []
  bus.subscribe(event, { use }, user => void ids.push(user.id))
  return ids
}

async function letters(bus: Bus, count: number): Promise<readonly DeadLetter[]> {
  let found: readonly DeadLetter[] = []
  await eventually(
    async () => {
      found = await bus.deadLetters().list()
      assert.is(found.length, count)
    },
    { timeoutMs: 15_000 },
  )
  return found
}

for (const [what, break_] of [
  ['refuses', ({ proxy }) => proxy.refuse()],
  ['hangs', async ({ proxy }) => proxy.intercept(() => 'hang')],
] as [string, (scene: Scene) => Promise<void>][]) {
  faultTest(`a registry that ${what} fails the start in time, and a later start works`, async scene => {
    await scene.publish(scene.event, 'before')
    await break_(scene)
    const bus = scene.bus(scene.client({ timeoutMs: 500, cache: { failureMs: 100 } }))
    const handled = handledBy(bus, scene.event)
    const start = performance.now()
    await rejects(() => bus.start(), 'REGISTRY_UNAVAILABLE', /^schema registry http:.*: check that it runs/)
    assert.ok(performance.now() - start < 1_500)
    await scene.proxy.accept()
    scene.proxy.intercept(undefined)
    await bus.start()
    await eventually(() => assert.equal(handled, ['before']))
  })
}

faultTest('wrong credentials fail the start', async ({ proxy, event, bus, client, direct, subject }) => {
  await direct.register(subject, event.codec.schema as never)
  const right = `Basic ${Buffer.from('ada:right').toString('base64')}`
  proxy.intercept(({ authorization }) => (authorization === right ? 'pass' : { status: 401 }))
  const refused = bus(client({ auth: { username: 'ada', password: 'wrong' } }))
  handledBy(refused, event)
  const error = await rejects(() => refused.start(), 'REGISTRY_DENIED', /refused the credentials \(401\)/)
  assert.not.ok(error.retryable)
  assert.not.match(error.message, 'wrong')
  const allowed = bus(client({ auth: { username: 'ada', password: 'right' } }))
  await allowed.start()
  await allowed.publish(event, { id: 'a' })
})

faultTest(
  'ten thousand records of an unknown schema cost one call, and none if the start has seen it',
  async scene => {
    const { proxy, event, bus, client, broker } = scene
    const before = bus(client())
    const handled = handledBy(before, event)
    await before.start()
    const calls = proxy.requests.length
    const ids = Array.from({ length: 10_000 }, (_, index) => `${index}`)
    await scene.publish(event, ...ids)
    await eventually(() => assert.is(handled.length, ids.length), { timeoutMs: 15_000 })
    assert.equal(
      proxy.requests.slice(calls).map(({ method, path }) => [method, path.replace(/\d+$/, '')]),
      [['GET', '/schemas/ids/']],
    )
    await before.close()
    const after = createBus({ name: 'other', transport: memoryTransport({ broker }), registry: client() })
    const again = handledBy(after, event)
    await after.start()
    const started = proxy.requests.length
    await eventually(() => assert.is(again.length, ids.length), { timeoutMs: 15_000 })
    assert.is(proxy.requests.length, started)
    await after.close()
  },
)

faultTest(
  'a registry that goes down matters to nobody who knows their schemas',
  async ({ proxy, event, bus, client, publish }) => {
    await publish(event, 'before')
    const running = bus(client({ timeoutMs: 500 }))
    const handled = handledBy(running, event)
    await running.start()
    await running.publish(event, { id: 'first' })
    await proxy.refuse()
    for (let index = 0; index < 100; index++) await running.publish(event, { id: `${index}` })
    await eventually(() => assert.is(handled.length, 102))
    assert.equal(await running.deadLetters().list(), [])
  },
)

faultTest(
  'a new schema while the registry is down: its records wait, and nothing is lost',
  async ({ proxy, event, newer, bus, client, publish }) => {
    await publish(event, 'before')
    const running = bus(client({ timeoutMs: 300, cache: { failureMs: 50 } }))
    const failures: unknown[] = []
    const counting: Middleware = {
      name: 'counting',
      async record(_context, next) {
        await next().catch((error: BusbarError) => {
          failures.push(error.code)
          throw error
        })
      },
    }
    const patient = retry({ attempts: Number.POSITIVE_INFINITY, delayMs: 50, backoff: 'fixed' })
    const handled = handledBy(running, event, patient, counting)
    await running.start()
    for (const fault of ['refused', 'slow'] as const) {
      if (fault === 'refused') await proxy.refuse()
      else proxy.delay(1_000)
      const written = fault === 'refused' ? newer : sameTopic(newer)
      await publish(written, `${fault} 1`, `${fault} 2`)
      await eventually(() => assert.ok(failures.length >= 6, `${failures.length} attempts`))
      assert.not.ok(handled.some(id => id.startsWith(fault)))
      assert.equal([...new Set(failures)], ['REGISTRY_UNAVAILABLE'])
      await proxy.accept()
      proxy.delay(0)
      const expected = [`${fault} 1`, `${fault} 2`]
      await eventually(() => assert.equal(handled.slice(-2).toSorted(), expected), { timeoutMs: 10_000 })
      failures.length = 0
    }
    assert.is(handled.length, 5)
    assert.equal(await running.deadLetters().list(), [])
  },
)

faultTest(
  'a registry that is down for longer than retries last makes dead letters, which a replay brings back',
  async ({ proxy, event, newer, bus, client, publish }) => {
    await publish(event, 'before')
    // What is remembered of a failure would outlast such short retries.
    const running = bus(client({ cache: { failureMs: 0 } }))
    const handled = handledBy(running, event, retry({ attempts: 3, delayMs: 20 }))
    await running.start()
    await proxy.refuse()
    await publish(newer, 'late')
    const [letter] = await letters(running, 1)
    assert.equal([letter?.code, letter?.attempts], ['REGISTRY_UNAVAILABLE', 3])
    await proxy.accept()
    await running.deadLetters().replay()
    await eventually(() => assert.equal(handled, ['before', 'late']))
  },
)

faultTest(
  'what can never be read is a dead letter, and says why',
  async ({ broker, event, bus, client, publish }) => {
    await publish(event, 'before')
    const running = bus(client({ cache: { failureMs: 20 } }))
    const handled = handledBy(running, event, retry({ attempts: 3, delayMs: 30 }))
    await running.start()
    const frame = (id: number) => {
      const bytes = Buffer.alloc(6)
      bytes.writeUInt32BE(id, 1)
      return bytes
    }
    const values = [frame(2_000_000_000), frame(4_000_000_000), Buffer.of(0, 0), Buffer.from('{"id":1}')]
    const raw: Codec<Uint8Array> = {
      contentType: 'application/avro',
      encode: bytes => bytes,
      decode: bytes => bytes,
    }
    const other = createBus({ name: 'other', transport: memoryTransport({ broker }) })
    await other.start()
    for (const value of values) await other.publish(defineEvent(event.name, { schema: raw }), value)
    await other.close()
    await publish(event, 'after')
    const found = await letters(running, 4)
    assert.equal(found.map(({ code, attempts }) => `${code} ${attempts}`).toSorted(), [
      'DECODE_FAILED 1',
      'DECODE_FAILED 1',
      'SCHEMA_UNKNOWN 1',
      'SCHEMA_UNKNOWN 3',
    ])
    const unknown = found.find(({ attempts }) => attempts === 3)
    assert.match(
      unknown?.message ?? '',
      /no schema of id 2000000000: the record was written with another registry/,
    )
    await eventually(() => assert.equal(handled, ['before', 'after']))
  },
)

faultTest(
  'publishing registers nothing unless told to',
  async ({ proxy, event, bus, client, direct, subject }) => {
    const careful = bus(client({ cache: { failureMs: 0 } }))
    await careful.start()
    const error = await rejects(
      () => careful.publish(event, { id: 'a' }),
      'SCHEMA_UNKNOWN',
      /busbar schemas push/,
    )
    assert.not.ok(error.retryable)
    assert.ok(error.message.includes(subject))
    assert.equal(await direct.versions(subject), [])
    assert.not.ok(proxy.requests.some(({ method, path }) => method === 'POST' && path.endsWith('/versions')))
    await direct.register(subject, event.codec.schema as never)
    await careful.publish(event, { id: 'a' })
    assert.equal(await direct.versions(subject), [1])
  },
)

faultTest(
  'a start with contracts to publish finds out that their schemas are missing',
  async ({ event, client, direct, broker, subject }) => {
    const bus = createBus({
      name: 'service',
      transport: memoryTransport({ broker }),
      registry: client({ cache: { failureMs: 0 } }),
      publishes: [event],
    })
    await rejects(() => bus.start(), 'SCHEMA_UNKNOWN', new RegExp(subject))
    await direct.register(subject, event.codec.schema as never)
    await bus.start()
    await bus.close()
  },
)

/** The contract with yet another schema. */
function sameTopic(event: EventDefinition<User>): EventDefinition<User> {
  const fields = [
    { name: 'id', type: 'string' },
    { name: 'more', type: 'int', default: 0 },
  ] as const
  return defineEvent(event.name, { schema: avro({ type: 'record', name: 'User', namespace: 'x', fields }) })
}

test.run()
