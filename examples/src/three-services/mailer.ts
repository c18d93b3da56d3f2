/** Welcomes users by mail, each once, and keeps what it could not send as dead letters until somebody looks at them. */
import { closeOnSignals, createBus } from '@busbar/core'
import { busbar, healthEndpoints, listen, metricsEndpoint } from '@busbar/core/express'
import { createOutbox } from '@busbar/store-postgres'
import { kafkaTransport } from '@busbar/transport-kafka'
import express from 'express'
import { WelcomeSent } from './contracts.js'
import { openDatabase } from './database.js'
import { environment, named } from './environment.js'
import { httpErrors } from './http-errors.js'
import { PretendedMailServer } from './mail-server.js'
import { createLogger, monitor } from './monitoring.js'
import { welcomeUsers } from './welcome-users.js'

const logger = createLogger('mailer')
const pool = await openDatabase(
  'mailer',
  'create table if not exists welcomes (user_id uuid, sent_at timestamptz default now())',
)
const bus = createBus({
  name: named('mailer'),
  transport: kafkaTransport({
    brokers: environment.brokers,
    consumer: { sessionTimeout: environment.sessionTimeoutMs },
  }),
  publishes: [WelcomeSent],
  // Each delivery holds a connection of the pool, and so does the relay.
  consume: { concurrency: 8 },
  logger,
})
const register = monitor(bus)
const outbox = createOutbox({ bus })
const mailServer = new PretendedMailServer(environment.mailMs)

welcomeUsers(bus, { pool, outbox, mailServer })

const app = express()
app.use(busbar(bus), healthEndpoints(bus), metricsEndpoint(register), express.json())

// For operators: keep these from everybody else.
app.get('/dead-letters', async (_request, response) => {
  const letters = await bus.deadLetters().list()
  response.json(
    letters.map(({ id, event, code, message, attempts, redrives, failedAtMs }) => {
      return { id, event, code, message, attempts, redrives, failedAt: new Date(failedAtMs) }
    }),
  )
})
app.post('/dead-letters/replay', async (request, response) => {
  const { id } = request.query
  response.json(await bus.deadLetters().replay(typeof id === 'string' ? { id } : {}))
})
app.post('/mail-server/repair', (_request, response) => {
  mailServer.repair()
  response.status(204).end()
})

app.use(httpErrors(logger))
const service = await listen(bus, app, { host: environment.host, port: environment.ports.mailer })
const relay = outbox.relay({ pool, logger })
closeOnSignals(
  {
    close: async () => {
      await relay.close()
      await service.close()
      await pool.end()
    },
  },
  { logger },
)
logger.info({ url: service.url }, 'mailer listens')
