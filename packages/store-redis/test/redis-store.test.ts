import { BusbarError } from '@busbar/core'
import { idempotencyStoreCases } from '@busbar/core/conformance'
import { type RedisClient, redisStore } from '@busbar/store-redis'
import { deadline, redisForTests, startRedis, uniqueName } from '@busbar/testkit'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { createClient } from 'redis'
import { createClient as createClient5 } from 'redis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

interface Library {
  readonly name: string
  connect(url: string): Promise<{ client: RedisClient; close(): unknown }>
}

const libraries: Library[] = [
  {
    name: 'node-redis',
    connect: async url => {
      const client = await createClient({ url, disableOfflineQueue: true })
        .on('error', () => {})
        .connect()
      return { client, close: () => client.destroy() }
    },
  },
  {
    name: 'node-redis 5',
    connect: async url => {
      const client = await createClient5({ url, disableOfflineQueue: true })
        .on('error', () => {})
        .connect()
      return { client, close: () => client.destroy() }
    },
  },
  {
    name: 'ioredis',
    connect: async url => {
      const client = new Redis(url, { maxRetriesPerRequest: 1 })
      client.on('error', () => {})
      return { client, close: () => client.disconnect() }
    },
  },
  {
    name: 'ioredis 5',
    connect: async url => {
      const client = new Redis5(url, { maxRetriesPerRequest: 1 })
      client.on('error', () => {})
      return { client, close: () => client.disconnect() }
    },
  },
]

const redis = await redisForTests()
for (const library of redis === undefined ? [] : libraries) {
  const { url } = redis as { url: string }
  const test = suite(`redisStore on ${library.name}`)
  const prefix = uniqueName('prefix')
  let connected: Awaited<ReturnType<Library['connect']>>

  test.before(async () => {
    connected = await library.connect(url)
  })
  test.after(() => void connected.close())

  for (const { name, run } of idempotencyStoreCases) {
    test(name, () => run({ store: () => redisStore(connected.client, { prefix }) }))
  }

  test('goes on when the server has forgotten the scripts', async () => {
    const store = redisStore(connected.client, { prefix })
    await store.claim('before', 1_000)
    const control = new Redis(url)
    await control.script('FLUSH')
    control.disconnect()
    assert.is((await store.claim('before', 1_000)).kind, 'busy')
  })

  test('has its keys under its prefix, with an expiry', async () => {
    const key = uniqueName('key')
    await redisStore(connected.client).claim(key, 5_000)
    assert.is((await redisStore(connected.client, { prefix: 'other:' }).claim(key, 5_000)).kind, 'claimed')
    const control = new Redis(url)
    const left = await control.pttl(`busbar:${key}`)
    control.disconnect()
    assert.ok(left > 0 && left <= 5_000, `${left} ms left`)
  })

  test('refuses times that are none', async () => {
    const store = redisStore(connected.client, { prefix })
    for (const leaseMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = await store.claim('k', leaseMs).catch((thrown: unknown) => thrown)
      assert.is((error as BusbarError).code, 'CONFIG_INVALID')
    }
  })

  test('says what failed when Redis is gone, and that trying again may help', async () => {
    const own = await startRedisOfItsOwn()
    const gone = await library.connect(own.url)
    const store = redisStore(gone.client)
    await store.claim('k', 1_000)
    await own.stop()
    const error = await deadline(
      5_000,
      'the failure',
      store.claim('k', 1_000).catch((thrown: unknown) => thrown),
    )
    await gone.close()
    assert.instance(error, BusbarError)
    assert.is((error as BusbarError).code, 'CONNECTION_FAILED')
    assert.ok((error as BusbarError).retryable)
  })

  test.run()
}

async function startRedisOfItsOwn() {
  const given = process.env['REDIS_URL']
  delete process.env['REDIS_URL']
  try {
    return await startRedis()
  } finally {
    if (given !== undefined) process.env['REDIS_URL'] = given
  }
}

const options = suite('redisStore')
options('refuses what is no client', () => {
  for (const wrong of [undefined, null, {}, { eval: 1 }, { eval: () => {} }]) {
    assert.throws(() => redisStore(wrong as never), /must be a client of/)
  }
})
options.run()
