// The program of docs/idempotency-and-outbox.md.
import { createBus, defineEvent, idempotent, silentLogger } from '@busbar/core'
import { redisStore } from '@busbar/store-redis'
import { eventually, redisForTests, uniqueName } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import { createClient } from 'redis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('the guide to idempotency, on Redis')
const server = await redisForTests()

if (server !== undefined) {
  test('runs as it is written', async () => {
    const env = { REDIS_URL: server.url }
    const OrderPlaced = defineEvent<{ id: string }>('order.placed')
    const bus = createBus({ name: uniqueName('shop'), transport: memoryTransport(), logger: silentLogger })
    const mails: string[] = []

    const redis = createClient({ url: env.REDIS_URL })
    redis.on('error', error => console.error(error))
    await redis.connect()

    bus.subscribe(OrderPlaced, { group: 'mailer', use: [idempotent(redisStore(redis))] }, async order => {
      mails.push(order.id)
    })

    const outcomes: string[] = []
    bus.onDelivery(({ outcome }) => void outcomes.push(outcome))
    await bus.start()
    const id = uniqueName('event')
    await bus.publish(OrderPlaced, { id: '7' }, { id })
    await bus.publish(OrderPlaced, { id: '7' }, { id })
    await eventually(() => assert.equal(outcomes.sort(), ['done', 'skipped']))
    assert.equal(mails, ['7'])
    await bus.close()
    redis.destroy()
  })
}

test.run()
