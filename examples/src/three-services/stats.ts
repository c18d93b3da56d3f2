/** Counts what happened, each event once, and answers whoever asks. */
import { closeOnSignals, createBus, type EventContext } from '@busbar/core'
import { busbar, healthEndpoints, listen, metricsEndpoint } from '@busbar/core/express'
import { postgresClient, transactional } from '@busbar/store-postgres'
import { kafkaTransport } from '@busbar/transport-kafka'
import express from 'express'
import { GetStats, UserCreated, WelcomeSent } from './contracts.js'
import { openDatabase } from './database.js'
import { environment, named } from './environment.js'
import { httpErrors } from './http-errors.js'
import { createLogger, monitor } from './monitoring.js'

const logger = createLogger('stats')
const pool = await openDatabase(
  'stats',
  'create table if not exists counts (event text primary key, total int)',
)
const bus = createBus({
  name: named('stats'),
  transport: kafkaTransport({
    brokers: environment.brokers,
    consumer: { sessionTimeout: environment.sessionTimeoutMs },
  }),
  consume: { concurrency: 8 },
  logger,
})
const register = monitor(bus)

bus.subscribe(UserCreated, { use: [transactional(pool)] }, (_user, context) => count(context))
bus.subscribe(WelcomeSent, { use: [transactional(pool)] }, (_welcome, context) => count(context))

async function count({ event, values, logger }: EventContext): Promise<void> {
  await values
    .get(postgresClient)
    .query('insert into counts values ($1, 1) on conflict (event) do update set total = counts.total + 1', [
      event,
    ])
  logger.info('counted')
}

bus.reply(GetStats, async () => {
  const { rows } = await pool.query<{ event: string; total: number }>('select event, total from counts')
  const totals = new Map(rows.map(({ event, total }) => [event, total]))
  return { users: totals.get(UserCreated.name) ?? 0, welcomed: totals.get(WelcomeSent.name) ?? 0 }
})

const app = express()
app.use(busbar(bus), healthEndpoints(bus), metricsEndpoint(register), httpErrors(logger))
const service = await listen(bus, app, { host: environment.host, port: environment.ports.stats })
closeOnSignals(
  {
    close: async () => {
      await service.close()
      await pool.end()
    },
  },
  { logger },
)
logger.info({ url: service.url }, 'stats listens')
