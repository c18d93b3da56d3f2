/** A controller that consumes, with a carrier that does not answer at first: its event comes again. */
import { Controller, Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import {
  type ClientKafka,
  ClientsModule,
  Ctx,
  EventPattern,
  type KafkaContext,
  type MicroserviceOptions,
  Payload,
  Transport,
} from '@nestjs/microservices'
import { lastValueFrom } from 'rxjs'
import { brokers } from '../../../support/brokers.js'
import { createTopics } from '../../../support/kafka-topics.js'
import { print, printed } from '../../../support/sorted-output.js'

interface Order {
  readonly id: string
  readonly customer: string
  readonly items: readonly string[]
}

@Injectable()
class Carrier {
  #calls = 0

  async book(parcel: string): Promise<void> {
    if (++this.#calls === 1) {
      print('the carrier does not answer')
      throw new Error('the carrier does not answer')
    }
    print(`the carrier takes ${parcel}`)
  }
}

@Controller()
class Shipping {
  constructor(private readonly carrier: Carrier) {}

  @EventPattern<string>('order.placed')
  async ship(@Payload() order: Order, @Ctx() context: KafkaContext): Promise<void> {
    const { key } = context.getMessage()
    await this.carrier.book(`${order.items.join(' and ')} to ${String(key)}`)
  }
}

@Module({
  imports: [
    ClientsModule.register([
      {
        name: 'KAFKA',
        transport: Transport.KAFKA,
        options: { client: { clientId: 'shop', brokers }, producerOnlyMode: true },
      },
    ]),
  ],
  controllers: [Shipping],
  providers: [Carrier],
})
class AppModule {}

await createTopics('order.placed')
const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: Transport.KAFKA,
  options: {
    client: { clientId: 'shop', brokers },
    consumer: { groupId: 'shipping' },
    subscribe: { fromBeginning: true },
  },
  logger: ['error'],
})
await app.listen()
const client = app.get<ClientKafka>('KAFKA')
await lastValueFrom(
  client.emit('order.placed', {
    key: 'ada',
    value: { id: '1', customer: 'ada', items: ['a lamp', 'a book'] },
  }),
)
await lastValueFrom(
  client.emit('order.placed', {
    key: 'grace',
    value: { id: '2', customer: 'grace', items: ['a chair'] },
  }),
)
await printed(3)
await app.close()
