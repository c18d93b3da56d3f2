import { createBus, defineEvent } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { recordingLogger } from './support/bus.js'
import { FakeRuntime, settle } from './support/fake-runtime.js'

const test = suite('redelivery')
const Thing = defineEvent<number>('thing')

test('the delay doubles from its start to its bound, with a quarter of it left to chance', async () => {
  const runtime = new FakeRuntime()
  const logger = recordingLogger()
  const bus = createBus({
    name: 's',
    transport: memoryTransport({ broker: memoryBroker({ partitions: 1 }), commitIntervalMs: 1 }),
    logger,
    runtime,
    consume: { redelivery: { delayMs: 100, maxDelayMs: 1_000 } },
  })
  const at: number[] = []
  bus.subscribe(Thing, { onFailure: 'hand-back' }, () => {
    at.push(runtime.now())
    throw new Error('always')
  })
  await deadline(5_000, 'redelivery', async () => {
    await bus.start()
    runtime.randomValue = 1
    await bus.publish(Thing, 1)
    await settle()
    await runtime.advance(4_600)
    const delays = at.slice(1).map((time, index) => time - (at[index] as number))
    assert.equal(delays, [100, 200, 400, 800, 1_000, 1_000, 1_000])
    runtime.randomValue = 0
    await runtime.advance(1_000)
    await runtime.advance(750)
    assert.is((at.at(-1) as number) - (at.at(-2) as number), 750)
    const failures = logger.lines.filter(line => line.level === 'error')
    assert.is(failures.length, at.length)
    assert.equal(
      [failures[0]?.fields['code'], failures[0]?.fields['attempt'], failures[0]?.fields['redeliveryMs']],
      ['HANDLER_FAILED', 1, 100],
    )
    const closed = bus.close()
    await runtime.advance(10)
    await closed
    assert.is(runtime.pending, 0, 'no timer keeps the process alive')
  })
})

test.run()
