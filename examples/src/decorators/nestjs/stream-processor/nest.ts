/**
 * Readings become alarms, exactly once: an alarm and the position behind its reading are stored together. The module has nothing for
 * it, so the processor is a consumer and a transaction of kafkajs, by hand.
 */
import { Controller, Injectable, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import {
  type ClientKafka,
  ClientsModule,
  EventPattern,
  type MicroserviceOptions,
  Payload,
  Transport,
} from '@nestjs/microservices'
import { type EachMessagePayload, Kafka, logLevel } from 'kafkajs'
import { lastValueFrom } from 'rxjs'
import { brokers } from '../../../support/brokers.js'
import { createTopics } from '../../../support/kafka-topics.js'
import { print, printed } from '../../../support/sorted-output.js'

interface Reading {
  readonly sensor: string
  readonly celsius: number
}
interface Alarm {
  readonly sensor: string
  readonly text: string
}

@Injectable()
class Alarms implements OnModuleInit, OnApplicationShutdown {
  readonly #kafka = new Kafka({ clientId: 'alarms', brokers, logLevel: logLevel.ERROR })
  readonly #consumer = this.#kafka.consumer({ groupId: 'alarms' })
  // One of these for each instance, of its own and the same after a restart, so that Kafka fences its predecessor.
  readonly #producer = this.#kafka.producer({ transactionalId: 'alarms-0', maxInFlightRequests: 1 })

  async onModuleInit(): Promise<void> {
    await this.#producer.connect()
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topics: ['reading'], fromBeginning: true })
    await this.#consumer.run({ autoCommit: false, eachMessage: payload => this.#process(payload) })
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#consumer.disconnect()
    await this.#producer.disconnect()
  }

  async #process({ topic, partition, message }: EachMessagePayload): Promise<void> {
    const { sensor, celsius } = JSON.parse(String(message.value)) as Reading
    const transaction = await this.#producer.transaction()
    try {
      if (celsius > 200) {
        const alarm: Alarm = { sensor, text: `${celsius.toFixed(1)} °C is too hot` }
        await transaction.send({
          topic: 'alarm',
          messages: [{ key: sensor, value: JSON.stringify(alarm) }],
        })
      }
      const offset = String(BigInt(message.offset) + 1n)
      await transaction.sendOffsets({
        consumerGroupId: 'alarms',
        topics: [{ topic, partitions: [{ partition, offset }] }],
      })
      await transaction.commit()
    } catch (error) {
      await transaction.abort()
      throw error
    }
  }
}

@Controller()
class Pager {
  @EventPattern('alarm')
  page(@Payload() { sensor, text }: Alarm): void {
    print(`${sensor}: ${text}`)
  }
}

@Module({
  imports: [
    ClientsModule.register([
      {
        name: 'KAFKA',
        transport: Transport.KAFKA,
        options: { client: { clientId: 'monitor', brokers }, producerOnlyMode: true },
      },
    ]),
  ],
  controllers: [Pager],
  providers: [Alarms],
})
class AppModule {}

await createTopics('reading', 'alarm')
const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: Transport.KAFKA,
  options: {
    client: { clientId: 'monitor', brokers },
    consumer: { groupId: 'pager' },
    subscribe: { fromBeginning: true },
  },
  logger: ['error'],
})
await app.listen()
const client = app.get<ClientKafka>('KAFKA')
for (const celsius of [99, 210, 150, 230.5]) {
  await lastValueFrom(client.emit('reading', { key: 'boiler', value: { sensor: 'boiler', celsius } }))
}
await printed(2)
await app.close()
