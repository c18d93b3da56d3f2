import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { Controller } from '@nestjs/common'
import { EventPattern, Payload } from '@nestjs/microservices'
import { firstValueFrom } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTopics, nestClient, nestService } from './support/nest-kafka.js'

const test = suite('moving a service from the Kafka module of Nest')
const kafka = await kafkaForTests()

const Placed = defineEvent<string[]>(uniqueName('placed'), { foreign: true })
const handledByNest: string[] = []

@Controller()
class Service {
  @EventPattern<string>(Placed.name)
  placed(@Payload() [id = '']: string[]): void {
    handledByNest.push(id)
  }
}

if (kafka !== undefined) {
  const { brokers } = kafka

  test('with its group the new handlers go on where the old ones stopped', async () => {
    await createTopics(brokers, [Placed.name])
    const client = await nestClient(brokers)
    const emit = (id: string) => firstValueFrom(client.emit(Placed.name, [id]))
    const groupId = uniqueName('orders')
    const old = await nestService(brokers, [Service], groupId)
    for (const id of ['1', '2', '3']) await emit(id)
    await eventually(() => assert.equal(handledByNest.toSorted(), ['1', '2', '3']), { timeoutMs: 20_000 })
    await old[Symbol.asyncDispose]()
    for (const id of ['4', '5']) await emit(id)
    await client.close()

    const handled: string[] = []
    const transport = kafkaTransport({ brokers })
    await using bus = createBus({ name: uniqueName('orders'), transport, logger: silentLogger })
    bus.subscribe(Placed, { group: `${groupId}-server` }, ([id = '']) => void handled.push(id))
    await bus.start()
    await bus.publish(Placed, ['6'])
    await eventually(() => assert.equal(handled.toSorted(), ['4', '5', '6']), { timeoutMs: 20_000 })
  })
}

test.run()
