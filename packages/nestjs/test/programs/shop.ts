import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, defineEvent } from '@busbar/core'
import { BusbarModule, InjectBus, OnEvent } from '@busbar/nestjs'
import { kafkaTransport } from '@busbar/transport-kafka'
import { Body, Controller, Injectable, Module, Post } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

/** What the shop tells the process that started it. */
export type ShopMessage =
  | { readonly listening: string }
  | { readonly underWay: number }
  | { readonly started: string }
  | { readonly handled: string }

export interface Order {
  readonly id: string
  /** What its request does before it publishes. */
  readonly workMs: number
}

/** A shop in a process of its own. Arguments: brokers, topic, name. */
const [brokers = '', topic = '', name = ''] = process.argv.slice(2)
const OrderPlaced = defineEvent<Order>('order.placed', { topic, key: order => order.id })
const tell = (message: ShopMessage) => process.send?.(message)

@Controller('orders')
class Orders {
  #underWay = 0
  constructor(@InjectBus() private readonly bus: Bus) {}

  @Post()
  async place(@Body() order: Order) {
    tell({ underWay: ++this.#underWay })
    await sleep(order.workMs)
    await this.bus.publish(OrderPlaced, order)
    return order
  }
}

@Injectable()
class Warehouse {
  @OnEvent(OrderPlaced)
  async pack({ id }: Order): Promise<void> {
    tell({ started: id })
    await sleep(300)
    tell({ handled: id })
  }
}

@Module({
  imports: [BusbarModule.forRoot({ name, transport: kafkaTransport({ brokers: brokers.split(',') }) })],
  controllers: [Orders],
  providers: [Warehouse],
})
class Shop {}

const app = await NestFactory.create(Shop, { logger: ['error'] })
app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true })
await app.listen(0, '127.0.0.1')
tell({ listening: await app.getUrl() })
