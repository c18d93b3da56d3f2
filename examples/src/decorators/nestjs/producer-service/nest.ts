/** A service that publishes: one event with headers, and many at once, each when the broker has stored it. */
import { Controller, Inject, Injectable, Module } from '@nestjs/common'
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

interface Payment {
  readonly account: string
  readonly cents: number
}

@Injectable()
class Payments {
  constructor(@Inject('KAFKA') private readonly client: ClientKafka) {}

  async make(payment: Payment, tenant: string): Promise<void> {
    const message = { key: payment.account, value: payment, headers: { tenant } }
    await lastValueFrom(this.client.emit('payment.made', message))
  }

  async makeAll(payments: readonly Payment[], tenant: string): Promise<void> {
    const messages = payments.map(payment => ({ key: payment.account, value: payment, headers: { tenant } }))
    await lastValueFrom(this.client.emitBatch('payment.made', { messages }))
  }
}

@Controller()
class Ledger {
  @EventPattern<string>('payment.made')
  book(@Payload() { cents }: Payment, @Ctx() context: KafkaContext): void {
    const { key, headers } = context.getMessage()
    print(`${String(key)} paid ${cents} in ${String(headers?.['tenant'])}`)
  }
}

@Module({
  imports: [
    ClientsModule.register([
      {
        name: 'KAFKA',
        transport: Transport.KAFKA,
        options: { client: { clientId: 'payments', brokers }, producerOnlyMode: true },
      },
    ]),
  ],
  controllers: [Ledger],
  providers: [Payments],
})
class AppModule {}

await createTopics('payment.made')
const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: Transport.KAFKA,
  options: {
    client: { clientId: 'payments', brokers },
    consumer: { groupId: 'ledger' },
    subscribe: { fromBeginning: true },
  },
  logger: ['error'],
})
await app.listen()
const payments = app.get(Payments)
await payments.make({ account: 'ada', cents: 1_250 }, 'north')
await payments.makeAll(
  [
    { account: 'ada', cents: 300 },
    { account: 'grace', cents: 90 },
  ],
  'south',
)
await printed(3)
await app.close()
