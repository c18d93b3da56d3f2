/** Parcels are sent over HTTP and become events. Runs in memory; with KAFKA_BROKERS=host:port on Kafka. */
import {
  BusbarError,
  closeOnSignals,
  createBus,
  defineError,
  defineEvent,
  defineRequest,
  type EventInput,
  type EventPayload,
} from '@busbar/core'
import { busbar, healthEndpoints, metricsEndpoint } from '@busbar/core/fastify'
import { jsonSchema } from '@busbar/core/json-schema'
import { metrics } from '@busbar/core/prometheus'
import fastify from 'fastify'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { printingLogger } from '../support/printing-logger.js'
import { exampleTransport } from '../support/transport.js'

const Parcel = jsonSchema({
  type: 'object',
  properties: {
    id: { type: 'string' },
    grams: { type: 'integer', minimum: 1 },
    carrier: { enum: ['post', 'courier'], default: 'post' },
  },
  required: ['id', 'grams'],
  additionalProperties: false,
})
const ParcelId = jsonSchema({ type: 'object', properties: { id: { type: 'string' } }, required: ['id'] })

const ParcelSent = defineEvent('parcel.sent', {
  topic: 'parcels',
  schema: Parcel,
  key: parcel => parcel.id,
})
const NoSuchParcel = defineError('NoSuchParcel', { data: ParcelId })
const GetParcel = defineRequest('parcel.get', { request: ParcelId, reply: Parcel, errors: { NoSuchParcel } })

const bus = createBus({ name: 'post-office', transport: exampleTransport(), logger: printingLogger })

// In place of a database.
const parcels = new Map<string, EventPayload<typeof ParcelSent>>()

bus.subscribe(ParcelSent, parcel => {
  console.log(`sorting  ${parcel.id}: ${parcel.grams} g by ${parcel.carrier}`)
  parcels.set(parcel.id, parcel)
})

bus.reply(GetParcel, ({ id }) => {
  const parcel = parcels.get(id)
  if (!parcel) throw new NoSuchParcel({ id })
  return parcel
})

const register = new Registry()
collectDefaultMetrics({ register })
bus.use(metrics(register))

const app = fastify()
await app.register(busbar, { bus })
await app.register(healthEndpoints)
await app.register(metricsEndpoint, { source: register })

app.setErrorHandler((error, _request, reply) => {
  if (error instanceof NoSuchParcel) return reply.code(404).send({ error: 'no such parcel' })
  if (error instanceof BusbarError && error.code === 'PAYLOAD_INVALID')
    return reply.code(400).send({ error: error.message })
  throw error
})

app.post<{ Body: EventInput<typeof ParcelSent> }>('/parcels', async ({ body }, reply) => {
  await app.bus.publish(ParcelSent, body)
  return reply.code(201).send({ id: body.id })
})

app.get<{ Params: { id: string } }>('/parcels/:id', ({ params }) => app.bus.request(GetParcel, params))

const url = await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })
closeOnSignals(app)
console.log(`listening on ${url}`)
