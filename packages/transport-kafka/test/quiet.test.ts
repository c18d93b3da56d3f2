import type { Logger } from '@busbar/core'
import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connected, publish, Received, texts } from './support/test-transport.js'

const kafka = await kafkaForTests()
const test = suite('what users do not get to see')

if (kafka) {
  test('an ordinary life writes no warning, and arms no timer that Node warns about', async () => {
    const lines: string[] = []
    const negative: number[] = []
    const log = (level: string) => (fields: object | string, message?: string) => {
      lines.push(`${level} ${typeof fields === 'string' ? fields : `${message} ${JSON.stringify(fields)}`}`)
    }
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: log('warn'),
      error: log('error'),
      child: () => logger,
    }
    const setTimer = globalThis.setTimeout
    globalThis.setTimeout = new Proxy(setTimer, {
      apply: (target, self, args: [() => void, number | undefined]) => {
        if (args[1] !== undefined && args[1] < 0) negative.push(args[1])
        return Reflect.apply(target, self, args)
      },
    })
    try {
      await using bus = await connected({ brokers: kafka.brokers }, logger)
      await using other = await connected({ brokers: kafka.brokers }, logger)
      const topic = uniqueName('quiet')
      const specs = [{ name: topic, create: true, partitions: 4 }]
      await Promise.all([bus.transport.ensureTopics(specs), other.transport.ensureTopics(specs)])
      const received = new Received()
      const spec = { group: uniqueName('group'), topics: [topic], from: 'earliest', maxInFlight: 9 } as const
      await using _first = await bus.transport.subscribe(spec, received.deliver())
      await using _second = await other.transport.subscribe(spec, received.deliver())
      await publish(bus.transport, topic, texts('v', 20))
      await eventually(() => assert.is(new Set(received.texts).size, 20))
    } finally {
      globalThis.setTimeout = setTimer
    }
    assert.equal(lines, [])
    assert.equal(negative, [])
  })
}

test.run()
