/** One event, two groups: each gets all of it. They can be two services, or as here one. */
import { type Bus, defineEvent } from '@busbar/core'
import { BUS, BusbarModule, OnEvent } from '@busbar/nestjs'
import { Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { print, printed } from '../../../support/sorted-output.js'
import { exampleTransport } from '../../../support/transport.js'

interface Price {
  readonly sku: string
  readonly cents: number
}
const PriceChanged = defineEvent<Price>('price.changed', { key: price => price.sku })

@Injectable()
class Labels {
  @OnEvent(PriceChanged, { group: 'labels' })
  reprint({ sku, cents }: Price): void {
    print(`label: ${sku} ${(cents / 100).toFixed(2)} €`)
  }
}

@Injectable()
class Statistics {
  #changes = 0

  @OnEvent(PriceChanged, { group: 'statistics' })
  count(): void {
    print(`statistics: ${++this.#changes} changed`)
  }
}

@Module({
  imports: [BusbarModule.forRoot({ name: 'shop', transport: exampleTransport() })],
  providers: [Labels, Statistics],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] })
const bus = app.get<Bus>(BUS)
await bus.publishBatch(PriceChanged, [
  { sku: 'lamp', cents: 1_990 },
  { sku: 'chair', cents: 4_500 },
])
await printed(4)
await app.close()
