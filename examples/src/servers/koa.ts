/** A help desk: tickets come in over HTTP and become events. Runs in memory; with KAFKA_BROKERS=host:port on Kafka. */
import { json } from 'node:stream/consumers'
import {
  BusbarError,
  closeOnSignals,
  createBus,
  defineError,
  defineEvent,
  defineRequest,
  type EventInput,
} from '@busbar/core'
import { busbar, healthEndpoints, listen, metricsEndpoint } from '@busbar/core/koa'
import { metrics } from '@busbar/core/prometheus'
import Koa from 'koa'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { z } from 'zod'
import { printingLogger } from '../support/printing-logger.js'
import { exampleTransport } from '../support/transport.js'

const Ticket = z.object({ id: z.string(), from: z.email(), subject: z.string().min(1) })
const TicketId = Ticket.pick({ id: true })

const TicketOpened = defineEvent('ticket.opened', {
  topic: 'tickets',
  schema: Ticket,
  key: ticket => ticket.id,
})
const NoSuchTicket = defineError('NoSuchTicket', { data: TicketId })
const GetTicket = defineRequest('ticket.get', { request: TicketId, reply: Ticket, errors: { NoSuchTicket } })

const bus = createBus({ name: 'help-desk', transport: exampleTransport(), logger: printingLogger })

// In place of a database.
const tickets = new Map<string, z.infer<typeof Ticket>>()

bus.subscribe(TicketOpened, ticket => {
  console.log(`desk     "${ticket.subject}" from ${ticket.from}`)
  tickets.set(ticket.id, ticket)
})

bus.reply(GetTicket, ({ id }) => {
  const ticket = tickets.get(id)
  if (!ticket) throw new NoSuchTicket({ id })
  return ticket
})

const register = new Registry()
collectDefaultMetrics({ register })
bus.use(metrics(register))

const app = new Koa()
app.use(busbar(bus))
app.use(healthEndpoints(bus))
app.use(metricsEndpoint(register))

app.use(async (context, next) => {
  try {
    await next()
  } catch (error) {
    if (error instanceof SyntaxError) context.throw(400, `the body is no JSON: ${error.message}`)
    if (error instanceof NoSuchTicket) context.throw(404, 'no such ticket')
    if (error instanceof BusbarError && error.code === 'PAYLOAD_INVALID') context.throw(400, error.message)
    throw error
  }
})

app.use(async (context, next) => {
  const [, id] = context.path.match(/^\/tickets\/([^/]+)$/) ?? []
  if (context.method === 'POST' && context.path === '/tickets') {
    const ticket = (await json(context.req)) as EventInput<typeof TicketOpened>
    await context.bus.publish(TicketOpened, ticket)
    context.status = 201
    context.body = { id: ticket.id }
  } else if (context.method === 'GET' && id !== undefined) {
    context.body = await context.bus.request(GetTicket, { id })
  } else await next()
})

const service = await listen(bus, app.callback(), {
  port: Number(process.env.PORT ?? 3000),
  host: '127.0.0.1',
})
closeOnSignals(service)
console.log(`listening on ${service.url}`)
