/** The module: a bus whose brokers come from the application's settings, and an orderly end. */
import { type Bus, defineEvent } from '@busbar/core'
import { BusbarModule, InjectBus, OnEvent } from '@busbar/nestjs'
import { kafkaTransport } from '@busbar/transport-kafka'
import { memoryTransport } from '@busbar/transport-memory'
import { Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { print, printed } from '../../../support/sorted-output.js'

interface User {
  readonly id: string
  readonly email: string
}
const UserCreated = defineEvent<User>('user.created', { key: user => user.id })

@Injectable()
class Settings {
  readonly brokers = process.env.KAFKA_BROKERS?.split(',')
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Injectable()
class Mailer {
  @OnEvent(UserCreated)
  welcome(user: User): void {
    print(`welcome ${user.email}`)
  }
}

@Injectable()
class Accounts {
  constructor(@InjectBus() private readonly bus: Bus) {}

  async create(user: User): Promise<void> {
    await this.bus.publish(UserCreated, user)
  }
}

@Module({
  imports: [
    BusbarModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: ({ brokers }: Settings) => ({
        name: 'accounts',
        transport: brokers ? kafkaTransport({ brokers }) : memoryTransport(),
      }),
    }),
  ],
  providers: [Mailer, Accounts],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] })
app.enableShutdownHooks()
await app.get(Accounts).create({ id: '1', email: 'ada@example.com' })
await app.get(Accounts).create({ id: '2', email: 'grace@example.com' })
await printed(2)
await app.close()
