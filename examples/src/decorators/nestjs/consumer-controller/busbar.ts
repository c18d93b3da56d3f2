/** A controller that consumes, with a carrier that does not answer at first: its event comes again. */
import { type Bus, defineEvent, type EventContext } from '@busbar/core'
import { BUS, BusbarModule, OnEvent } from '@busbar/nestjs'
import { Controller, Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { print, printed } from '../../../support/sorted-output.js'
import { exampleTransport } from '../../../support/transport.js'

interface Order {
  readonly id: string
  readonly customer: string
  readonly items: readonly string[]
}
const OrderPlaced = defineEvent<Order>('order.placed', { key: order => order.customer })

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

  @OnEvent(OrderPlaced, { group: 'shipping' })
  async ship(order: Order, { key }: EventContext<Order>): Promise<void> {
    await this.carrier.book(`${order.items.join(' and ')} to ${key}`)
  }
}

@Module({
  imports: [BusbarModule.forRoot({ name: 'shop', transport: exampleTransport() })],
  controllers: [Shipping],
  providers: [Carrier],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] })
const bus = app.get<Bus>(BUS)
await bus.publish(OrderPlaced, { id: '1', customer: 'ada', items: ['a lamp', 'a book'] })
await bus.publish(OrderPlaced, { id: '2', customer: 'grace', items: ['a chair'] })
await printed(3)
await app.close()
