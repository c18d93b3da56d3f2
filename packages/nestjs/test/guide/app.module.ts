import { BusbarModule } from '@busbar/nestjs'
import { kafkaTransport } from '@busbar/transport-kafka'
import { Injectable, Module } from '@nestjs/common'
import { Audit, Newsletter, Trail } from './enhancers.js'
import { Mailer, Users, UsersController } from './users.js'
import { Warehouse } from './warehouse.js'

@Module({
  imports: [
    BusbarModule.forRoot({
      name: 'accounts',
      transport: kafkaTransport({ brokers: ['127.0.0.1:9092'] }),
    }),
  ],
  controllers: [UsersController],
  providers: [Mailer, Users, Newsletter, Audit, Trail, Warehouse],
})
export class AppModule {}

@Injectable()
export class Settings {
  readonly brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',')
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

export const configured = BusbarModule.forRootAsync({
  imports: [SettingsModule],
  inject: [Settings],
  useFactory: ({ brokers }: Settings) => ({ name: 'accounts', transport: kafkaTransport({ brokers }) }),
})
