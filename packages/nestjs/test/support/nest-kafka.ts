import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { Logger, Module, type Type } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ClientKafka, type KafkaOptions, type MicroserviceOptions, Transport } from '@nestjs/microservices'
import kafkajs from 'kafkajs'

Logger.overrideLogger(false)

type Options = NonNullable<KafkaOptions['options']>

/** As an existing service has it; quick to join, so that tests are. */
const optionsOf = (brokers: readonly string[], name: string): Options => ({
  client: { clientId: name, brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING },
  consumer: { groupId: name, maxWaitTimeInMs: 50, heartbeatInterval: 500 },
  subscribe: { fromBeginning: true },
})

/** Makes the topics that both sides name, so that nobody waits for one that a broker makes late. */
export async function createTopics(brokers: readonly string[], topics: readonly string[]): Promise<void> {
  const publishes = topics.map(topic => defineEvent(topic))
  const transport = kafkaTransport({ brokers })
  await using bus = createBus({ name: uniqueName('topics'), transport, logger: silentLogger, publishes })
  await bus.start()
}

/** A NestJS microservice on Kafka, of these controllers. */
export async function nestService(
  brokers: readonly string[],
  controllers: Type[],
  groupId = uniqueName('nest'),
): Promise<AsyncDisposable> {
  @Module({ controllers })
  class Service {}
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(Service, {
    transport: Transport.KAFKA,
    options: optionsOf(brokers, groupId),
    logger: false,
  })
  await app.listen()
  return { [Symbol.asyncDispose]: () => app.close() }
}

/** A client of NestJS's Kafka module that waits for replies to these requests. */
export async function nestClient(
  brokers: readonly string[],
  requests: readonly string[] = [],
): Promise<ClientKafka & AsyncDisposable> {
  const client = new ClientKafka(optionsOf(brokers, uniqueName('client')))
  for (const request of requests) client.subscribeToResponseOf(request)
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() })
}
