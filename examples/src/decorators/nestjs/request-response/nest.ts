/** A shop asks a warehouse: a reply, a refusal with data, and nobody who answers. */
import { Controller, Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import {
  type ClientKafka,
  ClientsModule,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices'
import { lastValueFrom, TimeoutError, timeout } from 'rxjs'
import { brokers } from '../../../support/brokers.js'
import { createTopics } from '../../../support/kafka-topics.js'

interface Order {
  readonly sku: string
  readonly count: number
}
interface Reservation {
  readonly reservation: string
}
interface OutOfStock {
  readonly left: number
}

@Controller()
class Warehouse {
  @MessagePattern('stock.reserve')
  reserve(@Payload() { sku, count }: Order): Reservation {
    if (count > 3) throw new RpcException({ left: 3 } satisfies OutOfStock)
    return { reservation: `${count} x ${sku}` }
  }
}

@Injectable()
class Shop implements OnModuleInit {
  constructor(@Inject('KAFKA') private readonly client: ClientKafka) {}

  async onModuleInit(): Promise<void> {
    this.client.subscribeToResponseOf('stock.reserve')
    this.client.subscribeToResponseOf('stock.audit')
    await this.client.connect()
  }

  async reserve(order: Order): Promise<string> {
    try {
      const reply$ = this.client.send<Reservation>('stock.reserve', order)
      const { reservation } = await lastValueFrom(reply$.pipe(timeout(10_000)))
      return `reserved ${reservation}`
    } catch (error) {
      if (isOutOfStock(error)) return `only ${error.left} left`
      throw error
    }
  }

  async audit(): Promise<string> {
    try {
      return await lastValueFrom(this.client.send<string>('stock.audit', {}).pipe(timeout(500)))
    } catch (error) {
      if (error instanceof TimeoutError) return 'nobody answered in time'
      throw error
    }
  }
}

function isOutOfStock(error: unknown): error is OutOfStock {
  return typeof error === 'object' && error !== null && 'left' in error
}

@Module({
  imports: [
    ClientsModule.register([
      {
        name: 'KAFKA',
        transport: Transport.KAFKA,
        options: { client: { clientId: 'shop', brokers }, consumer: { groupId: 'shop' } },
      },
    ]),
  ],
  controllers: [Warehouse],
  providers: [Shop],
})
class AppModule {}

await createTopics('stock.reserve', 'stock.reserve.reply', 'stock.audit', 'stock.audit.reply')
const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: Transport.KAFKA,
  options: {
    client: { clientId: 'warehouse', brokers },
    consumer: { groupId: 'warehouse' },
    subscribe: { fromBeginning: true },
  },
  logger: ['error'],
})
await app.listen()
const shop = app.get(Shop)
console.log(await shop.reserve({ sku: 'lamp', count: 2 }))
console.log(await shop.reserve({ sku: 'lamp', count: 9 }))
console.log(await shop.audit())
await app.close()
