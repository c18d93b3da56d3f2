import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Order, ShopMessage } from './programs/shop.js'

const test = suite('a Nest application that is terminated under load, on Kafka')
const kafka = await kafkaForTests()

if (kafka !== undefined) {
  const { brokers } = kafka

  test('200 requests under way at SIGTERM are answered and published, every event is handled, and it exits with 0', async () => {
    const [topic, name] = [uniqueName('orders'), uniqueName('shop')]
    const shop = fork(join(import.meta.dirname, 'programs/shop.js'), [brokers.join(','), topic, name])
    const [started, handled] = [new Set<string>(), new Set<string>()]
    let [url, underWay] = ['', 0]
    shop.on('message', message => {
      const told = message as Partial<{
        listening: string
        underWay: number
        started: string
        handled: string
      }> &
        ShopMessage
      url = told.listening ?? url
      underWay = told.underWay ?? underWay
      if (told.started !== undefined) started.add(told.started)
      if (told.handled !== undefined) handled.add(told.handled)
    })
    const exited = once(shop, 'exit') as Promise<[code: number | null, signal: string | null]>
    try {
      await eventually(() => assert.ok(url !== ''), { timeoutMs: 30_000 })
      const place = async (order: Order) => {
        const headers = { 'content-type': 'application/json' }
        const body = JSON.stringify(order)
        const { status } = await fetch(`${url}/orders`, { method: 'POST', headers, body })
        return status
      }
      const early = Array.from({ length: 20 }, (_, n) => `early-${n}`)
      const ids = Array.from({ length: 200 }, (_, n) => `order-${n}`)
      await Promise.all(early.map(id => place({ id, workMs: 0 })))
      const answers = ids.map(id => place({ id, workMs: 500 }))
      await eventually(() => assert.ok(underWay === 220 && started.size > handled.size), {
        timeoutMs: 20_000,
      })
      shop.kill('SIGTERM')
      assert.equal(
        await deadline(20_000, 'the answers', Promise.all(answers)),
        ids.map(() => 201),
      )
      assert.equal(await deadline(20_000, 'the exit', exited), [0, null])
      assert.equal([...handled].toSorted(), [...started].toSorted(), 'what was begun was finished')

      // The next instance of the shop handles what the first one did not come to.
      const OrderPlaced = defineEvent<Order>('order.placed', { topic, key: order => order.id })
      await using next = createBus({ name, transport: kafkaTransport({ brokers }), logger: silentLogger })
      next.subscribe(OrderPlaced, ({ id }) => handled.add(id))
      await next.start()
      await eventually(() => assert.equal([...handled].toSorted(), [...early, ...ids].toSorted()), {
        timeoutMs: 20_000,
      })
    } finally {
      shop.kill('SIGKILL')
    }
  })
}

test.run()
