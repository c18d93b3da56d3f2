/** Avro with a schema registry. The module has none: a serializer and a deserializer by hand, with the registry's client for kafkajs. */

import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { Controller, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import {
  type ClientKafka,
  ClientsModule,
  type ConsumerDeserializer,
  EventPattern,
  type IncomingEvent,
  type MicroserviceOptions,
  Payload,
  type Serializer,
  Transport,
} from '@nestjs/microservices'
import { lastValueFrom } from 'rxjs'
import { brokers } from '../../../support/brokers.js'
import { createTopics } from '../../../support/kafka-topics.js'
import { print, printed } from '../../../support/sorted-output.js'

// Kept equal to the schema by hand.
interface Parcel {
  readonly id: string
  readonly grams: number
  readonly note: string | null
}
const schema = JSON.stringify({
  type: 'record',
  name: 'ParcelSent',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'grams', type: 'int' },
    { name: 'note', type: ['null', 'string'], default: null },
  ],
})

const registry = new SchemaRegistry({ host: process.env.SCHEMA_REGISTRY_URL ?? 'http://127.0.0.1:8081' })
const { id } = await registry.register({ type: SchemaType.AVRO, schema }, { subject: 'parcel.sent-value' })

interface Keyed {
  readonly key: string
  readonly value: Parcel
}

class AvroSerializer implements Serializer<Keyed> {
  async serialize({ key, value }: Keyed) {
    return { key, value: await registry.encode(id, value) }
  }
}

class AvroDeserializer implements ConsumerDeserializer {
  async deserialize({ value }: { value: Buffer }, options?: { channel: string }): Promise<IncomingEvent> {
    return { pattern: options?.channel, data: (await registry.decode(value)) as Parcel }
  }
}

@Controller()
class Warehouse {
  @EventPattern('parcel.sent')
  note(@Payload() { id, grams, note }: Parcel): void {
    print(`${id}: ${grams} g, ${note ?? 'no note'}`)
  }
}

@Module({
  imports: [
    ClientsModule.register([
      {
        name: 'KAFKA',
        transport: Transport.KAFKA,
        options: {
          client: { clientId: 'warehouse', brokers },
          producerOnlyMode: true,
          serializer: new AvroSerializer(),
        },
      },
    ]),
  ],
  controllers: [Warehouse],
})
class AppModule {}

await createTopics('parcel.sent')
const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  transport: Transport.KAFKA,
  options: {
    client: { clientId: 'warehouse', brokers },
    consumer: { groupId: 'warehouse' },
    subscribe: { fromBeginning: true },
    deserializer: new AvroDeserializer(),
  },
  logger: ['error'],
})
await app.listen()
const client = app.get<ClientKafka>('KAFKA')
for (const parcel of [
  { id: 'p1', grams: 250 },
  { id: 'p2', grams: 1_200, note: 'fragile' },
]) {
  await lastValueFrom(client.emit('parcel.sent', { key: parcel.id, value: parcel }))
}
await printed(2)
await app.close()
