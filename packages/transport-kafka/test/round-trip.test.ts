import { createBus, defineEvent } from '@busbar/core'
import { deadline, kafkaForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('a first round trip on Kafka')
const kafka = await kafkaForTests()

if (kafka !== undefined) {
  test('what is published arrives', async () => {
    const Greeting = defineEvent<{ text: string }>(uniqueName('greeting'))
    await using bus = createBus({ name: uniqueName('greeter'), transport: kafkaTransport(kafka) })
    const received = new Promise<string>(resolve => bus.subscribe(Greeting, ({ text }) => resolve(text)))
    await bus.start()
    await bus.publish(Greeting, { text: 'hello' })
    assert.is(await deadline(5_000, 'the greeting', received), 'hello')
  })
}

test.run()
