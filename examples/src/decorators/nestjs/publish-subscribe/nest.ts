/** One event, two groups: each gets all of it. A service on the module has one group, so these are two services. */
import { Controller, Module, type Type } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import {
  type ClientKafka,
  ClientsModule,
  EventPattern,
  type MicroserviceOptions,
  Payload,
  Transport,
} from '@nestjs/microservices'
import { lastValueFrom } from 'rxjs'
import { brokers } from '../../../support/brokers.js'
import { createTopics } from '../../../support/kafka-topics.js'
import { print, printed } from '../../../support/sorted-output.js'

interface Price {
  readonly sku: string
  readonly cents: number
}

@Controller()
class Labels {
  @EventPattern('price.changed')
  reprint(@Payload() { sku, cents }: Price): void {
    print(`label: ${sku} ${(cents / 100).toFixed(2)} €`)
  }
}

@Controller()
class Statistics {
  #changes = 0

  @EventPattern<string>('price.changed')
  count(): void {
    print(`statistics: ${++this.#changes} changed`)
  }
}

@Module({ controllers: [Labels] })
class LabelsModule {}

@Module({ controllers: [Statistics] })
class StatisticsModule {}

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
})
class ShopModule {}

function serviceOf(module: Type, groupId: string) {
  return NestFactory.createMicroservice<MicroserviceOptions>(module, {
    transport: Transport.KAFKA,
    options: {
      client: { clientId: groupId, brokers },
      consumer: { groupId },
      subscribe: { fromBeginning: true },
    },
    logger: ['error'],
  })
}

await createTopics('price.changed')
const labels = await serviceOf(LabelsModule, 'labels')
const statistics = await serviceOf(StatisticsModule, 'statistics')
const shop = await NestFactory.createApplicationContext(ShopModule, { logger: ['error'] })
await labels.listen()
await statistics.listen()
const client = shop.get<ClientKafka>('KAFKA')
for (const price of [
  { sku: 'lamp', cents: 1_990 },
  { sku: 'chair', cents: 4_500 },
]) {
  await lastValueFrom(client.emit('price.changed', { key: price.sku, value: price }))
}
await printed(4)
await Promise.all([labels.close(), statistics.close(), shop.close()])
