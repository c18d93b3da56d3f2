/**
 * Orders come in over HTTP and become events in Avro, which billing handles. Runs in memory; with KAFKA_BROKERS=host:port
 * on Kafka, and with SCHEMA_REGISTRY_URL its schemas are kept in a registry of Confluent's protocol.
 */
import {
  BusbarError,
  closeOnSignals,
  createBus,
  currentCorrelation,
  defineError,
  defineEvent,
  defineRequest,
  type EventInput,
  type EventPayload,
} from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { busbar, healthEndpoints, listen, metricsEndpoint } from '@busbar/core/express'
import { metrics } from '@busbar/core/prometheus'
import { confluentRegistry, memoryRegistry } from '@busbar/schema-registry'
import express, { type ErrorRequestHandler } from 'express'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { printingLogger } from '../support/printing-logger.js'
import { exampleTransport } from '../support/transport.js'

const Order = avro({
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'customer', type: 'string' },
    { name: 'total', type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 } },
    { name: 'status', type: { type: 'enum', name: 'Status', symbols: ['new', 'paid'] }, default: 'new' },
  ],
})
const OrderId = avro({
  type: 'record',
  name: 'OrderId',
  namespace: 'shop',
  fields: [{ name: 'id', type: 'string' }],
})

const OrderPlaced = defineEvent('order.placed', { topic: 'orders', schema: Order, key: order => order.id })
const NoSuchOrder = defineError('NoSuchOrder', { data: OrderId })
const GetOrder = defineRequest('order.get', { request: OrderId, reply: Order, errors: { NoSuchOrder } })

const url = process.env.SCHEMA_REGISTRY_URL
const bus = createBus({
  name: 'shop',
  transport: exampleTransport(),
  registry: url ? confluentRegistry({ url, autoRegister: true }) : memoryRegistry({ autoRegister: true }),
  publishes: [OrderPlaced, GetOrder],
  logger: printingLogger,
})

// In place of a database.
const orders = new Map<string, EventPayload<typeof OrderPlaced>>()

bus.subscribe(OrderPlaced, { group: 'billing' }, order => {
  console.log(
    `billing  ${order.customer} owes ${order.total} (request ${currentCorrelation()?.correlationId})`,
  )
  orders.set(order.id, { ...order, status: 'paid' })
})

bus.reply(GetOrder, ({ id }) => {
  const order = orders.get(id)
  if (!order) throw new NoSuchOrder({ id })
  return order
})

const register = new Registry()
collectDefaultMetrics({ register })
bus.use(metrics(register))

const app = express()
app.use(busbar(bus), healthEndpoints(bus), metricsEndpoint(register), express.json())

app.post('/orders', async (request, response) => {
  const order = request.body as EventInput<typeof OrderPlaced>
  await request.bus.publish(OrderPlaced, order)
  response.status(201).json({ id: order.id })
})

app.get('/orders/:id', async (request, response) => {
  response.json(await request.bus.request(GetOrder, { id: request.params.id }))
})

const answerError: ErrorRequestHandler = (error, _request, response, next) => {
  if (error instanceof NoSuchOrder) response.status(404).json({ error: 'no such order' })
  else if (error instanceof BusbarError && error.code === 'PAYLOAD_INVALID')
    response.status(400).json({ error: error.message })
  else next(error)
}
app.use(answerError)

const service = await listen(bus, app, { port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })
closeOnSignals(service)
console.log(`listening on ${service.url}`)
