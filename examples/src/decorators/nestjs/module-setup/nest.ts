/** The module: a consumer and a producer whose brokers come from the application's settings, and an orderly end. */
import { Controller, Inject, Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import {
  type AsyncMicroserviceOptions,
  type ClientKafka,
  ClientsModule,
  EventPattern,
  Payload,
  Transport,
} from '@nestjs/microservices'
import { lastValueFrom } from 'rxjs'
import { createTopics } from '../../../support/kafka-topics.js'
import { print, printed } from '../../../support/sorted-output.js'

interface User {
  readonly id: string
  readonly email: string
}

@Injectable()
class Settings {
  readonly brokers = (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',')
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Controller()
class Mailer {
  @EventPattern('user.created')
  welcome(@Payload() user: User): void {
    print(`welcome ${user.email}`)
  }
}

@Injectable()
class Accounts {
  constructor(@Inject('KAFKA') private readonly client: ClientKafka) {}

  async create(user: User): Promise<void> {
    await lastValueFrom(this.client.emit('user.created', { key: user.id, value: user }))
  }
}

@Module({
  imports: [
    SettingsModule,
    ClientsModule.registerAsync([
      {
        name: 'KAFKA',
        imports: [SettingsModule],
        inject: [Settings],
        useFactory: ({ brokers }: Settings) => ({
          transport: Transport.KAFKA,
          options: { client: { clientId: 'accounts', brokers }, producerOnlyMode: true },
        }),
      },
    ]),
  ],
  controllers: [Mailer],
  providers: [Accounts],
})
class AppModule {}

await createTopics('user.created')
const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(AppModule, {
  inject: [Settings],
  useFactory: ({ brokers }: Settings) => ({
    transport: Transport.KAFKA,
    options: {
      client: { clientId: 'accounts', brokers },
      consumer: { groupId: 'accounts' },
      subscribe: { fromBeginning: true },
    },
  }),
  logger: ['error'],
})
app.enableShutdownHooks()
await app.listen()
await app.get(Accounts).create({ id: '1', email: 'ada@example.com' })
await app.get(Accounts).create({ id: '2', email: 'grace@example.com' })
await printed(2)
await app.close()
