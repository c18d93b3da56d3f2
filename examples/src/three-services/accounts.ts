/** Keeps the users. What it tells others goes through an outbox: a user without its event can't be, nor the other way round. */
import { randomUUID } from 'node:crypto'
import { closeOnSignals, createBus } from '@busbar/core'
import { busbar, healthEndpoints, listen, metricsEndpoint } from '@busbar/core/express'
import { createOutbox } from '@busbar/store-postgres'
import { kafkaTransport } from '@busbar/transport-kafka'
import express from 'express'
import { z } from 'zod'
import { GetStats, type User, UserCreated } from './contracts.js'
import { inTransaction, openDatabase } from './database.js'
import { environment, named } from './environment.js'
import { httpErrors } from './http-errors.js'
import { createLogger, monitor } from './monitoring.js'

const logger = createLogger('accounts')
const pool = await openDatabase(
  'accounts',
  'create table if not exists users (id uuid primary key, email text)',
)
const bus = createBus({
  name: named('accounts'),
  transport: kafkaTransport({ brokers: environment.brokers }),
  publishes: [UserCreated, GetStats],
  logger,
})
const register = monitor(bus)
const outbox = createOutbox({ bus })
const NewUser = z.object({ email: z.email() })

const app = express()
app.use(busbar(bus), healthEndpoints(bus), metricsEndpoint(register), express.json())

app.post('/users', async (request, response) => {
  const given = NewUser.safeParse(request.body)
  if (!given.success) return void response.status(400).json({ error: z.prettifyError(given.error) })
  const user: User = { id: randomUUID(), email: given.data.email }
  await inTransaction(pool, async client => {
    await client.query('insert into users (id, email) values ($1, $2)', [user.id, user.email])
    await outbox.publish(client, UserCreated, user)
  })
  response.status(201).json({ id: user.id })
})

app.get('/stats', async (request, response) => {
  response.json(await request.bus.request(GetStats, {}))
})

app.use(httpErrors(logger))
const service = await listen(bus, app, { host: environment.host, port: environment.ports.accounts })
const relay = outbox.relay({ pool, logger })
closeOnSignals(
  {
    close: async () => {
      // What is committed from now on stays in the table for the next relay.
      await relay.close()
      await service.close()
      await pool.end()
    },
  },
  { logger },
)
logger.info({ url: service.url }, 'accounts listens')
