/** A service that publishes: one event with headers, and many at once, each when the broker has stored it. */
import { type Bus, defineEvent, type EventContext } from '@busbar/core'
import { BusbarModule, InjectBus, OnEvent } from '@busbar/nestjs'
import { Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { print, printed } from '../../../support/sorted-output.js'
import { exampleTransport } from '../../../support/transport.js'

interface Payment {
  readonly account: string
  readonly cents: number
}
const PaymentMade = defineEvent<Payment>('payment.made', { key: payment => payment.account })

@Injectable()
class Payments {
  constructor(@InjectBus() private readonly bus: Bus) {}

  async make(payment: Payment, tenant: string): Promise<void> {
    await this.bus.publish(PaymentMade, payment, { headers: { tenant } })
  }

  async makeAll(payments: readonly Payment[], tenant: string): Promise<void> {
    await this.bus.publishBatch(PaymentMade, payments, { headers: { tenant } })
  }
}

@Injectable()
class Ledger {
  @OnEvent(PaymentMade, { group: 'ledger' })
  book({ cents }: Payment, { key, headers }: EventContext<Payment>): void {
    print(`${key} paid ${cents} in ${headers.get('tenant')}`)
  }
}

@Module({
  imports: [BusbarModule.forRoot({ name: 'payments', transport: exampleTransport() })],
  providers: [Payments, Ledger],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] })
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
