import assert from 'node:assert/strict'
import { createBus, defineEvent } from '@busbar/core'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { KeepingLogger } from './support/scenario.js'
import { foreign, lagOf, worlds } from './support/worlds.js'

const kafka = await kafkaForTests()

for (const { name, open } of worlds(kafka?.brokers)) {
  const test = suite(`limits on ${name}`)

  test('no more of a partition is in flight than maxInFlight, however much is stored at once', async () => {
    await using world = await open()
    const [topic, group] = [uniqueName('limits'), uniqueName('limits')]
    const Job = defineEvent<string>('job', { topic: { name: topic, partitions: 1 }, key: id => id })
    await world.raw.ensureTopics([{ name: topic, create: true, partitions: 1 }])
    const ids = Array.from({ length: 300 }, (_, index) => `job-${index}`)
    await world.raw.send(
      ids.map(id => foreign(topic, 'job', { key: Buffer.from(id), value: Buffer.from(JSON.stringify(id)) })),
    )

    const logger = new KeepingLogger()
    const bus = createBus({ name: 'limited', transport: world.transport(), logger })
    let running = 0
    let most = 0
    const waiting: (() => void)[] = []
    const done: string[] = []
    bus.subscribe(Job, { group, maxInFlight: 10, concurrency: 1_000 }, async id => {
      most = Math.max(most, ++running)
      await new Promise<void>(resolve => waiting.push(resolve))
      running--
      done.push(id)
    })
    await bus.start()
    await deadline(10_000, 'all jobs', async signal => {
      while (done.length < ids.length) {
        signal.throwIfAborted()
        const next = await eventually(() => {
          assert.ok(waiting.length > 0 || done.length === ids.length)
          return waiting.splice(0)
        })
        for (const resolve of next) resolve()
      }
    })
    assert.deepEqual([...done].sort(), [...ids].sort())
    assert.ok(most <= 10, `${most} ran at a time`)
    await eventually(async () => assert.equal(await lagOf(world, group), 0))
    await bus.close()
    assert.deepEqual(logger.complaints, [])
  })

  test.run()
}
