/** A shop asks a warehouse: a reply, a refusal with data, and nobody who answers. */
import { type Bus, BusbarError, defineError, defineRequest } from '@busbar/core'
import { BusbarModule, InjectBus, Replies } from '@busbar/nestjs'
import { Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { exampleTransport } from '../../../support/transport.js'

interface Order {
  readonly sku: string
  readonly count: number
}
interface Reservation {
  readonly reservation: string
}
const OutOfStock = defineError<{ readonly left: number }>('OutOfStock')
const Reserve = defineRequest<Order, Reservation>('stock.reserve', { errors: { OutOfStock } })
const Audit = defineRequest<object, string>('stock.audit')

@Injectable()
class Warehouse {
  @Replies(Reserve)
  reserve({ sku, count }: Order): Reservation {
    if (count > 3) throw new OutOfStock({ left: 3 })
    return { reservation: `${count} x ${sku}` }
  }
}

@Injectable()
class Shop {
  constructor(@InjectBus() private readonly bus: Bus) {}

  async reserve(order: Order): Promise<string> {
    try {
      const { reservation } = await this.bus.request(Reserve, order, { timeoutMs: 10_000 })
      return `reserved ${reservation}`
    } catch (error) {
      if (error instanceof OutOfStock) return `only ${error.data.left} left`
      throw error
    }
  }

  async audit(): Promise<string> {
    try {
      return await this.bus.request(Audit, {}, { timeoutMs: 500 })
    } catch (error) {
      if (error instanceof BusbarError && error.code === 'REQUEST_TIMEOUT') return 'nobody answered in time'
      throw error
    }
  }
}

@Module({
  imports: [BusbarModule.forRoot({ name: 'shop', transport: exampleTransport() })],
  providers: [Warehouse, Shop],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] })
const shop = app.get(Shop)
console.log(await shop.reserve({ sku: 'lamp', count: 2 }))
console.log(await shop.reserve({ sku: 'lamp', count: 9 }))
console.log(await shop.audit())
await app.close()
