/** Avro with a schema registry: the event has the schema, and its payload's type comes from there. */
import { type Bus, defineEvent, type EventPayload } from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { BUS, BusbarModule, OnEvent } from '@busbar/nestjs'
import { confluentRegistry, memoryRegistry } from '@busbar/schema-registry'
import { Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { print, printed } from '../../../support/sorted-output.js'
import { exampleTransport } from '../../../support/transport.js'

const ParcelSent = defineEvent('parcel.sent', {
  schema: avro({
    type: 'record',
    name: 'ParcelSent',
    namespace: 'shop',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'grams', type: 'int' },
      { name: 'note', type: ['null', 'string'], default: null },
    ],
  }),
  key: parcel => parcel.id,
})
type Parcel = EventPayload<typeof ParcelSent>

const url = process.env.SCHEMA_REGISTRY_URL
const registry = url ? confluentRegistry({ url, autoRegister: true }) : memoryRegistry({ autoRegister: true })

@Injectable()
class Warehouse {
  @OnEvent(ParcelSent)
  note({ id, grams, note }: Parcel): void {
    print(`${id}: ${grams} g, ${note ?? 'no note'}`)
  }
}

@Module({
  imports: [BusbarModule.forRoot({ name: 'warehouse', transport: exampleTransport(), registry })],
  providers: [Warehouse],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] })
const bus = app.get<Bus>(BUS)
await bus.publishBatch(ParcelSent, [
  { id: 'p1', grams: 250 },
  { id: 'p2', grams: 1_200, note: 'fragile' },
])
await printed(2)
await app.close()
