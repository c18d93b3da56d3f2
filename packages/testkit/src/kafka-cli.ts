// The command behind `pnpm kafka`: a broker in the foreground, until Ctrl-C. Options: --port=<port> (default 9092), and
// --registry for a schema registry beside it, --postgres for a Postgres
import { parseArgs } from 'node:util'
import { startKafka } from './kafka/start-kafka.js'
import { ServerUnavailable } from './server-unavailable.js'
import { startPostgres } from './servers/start-postgres.js'
import { startRegistry } from './servers/start-registry.js'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '9092' },
    registry: { type: 'boolean', default: false },
    postgres: { type: 'boolean', default: false },
  },
})
try {
  const kafka = await startKafka({ port: Number(values.port) })
  console.log(
    `Kafka ${kafka.brokers.join(',')} (${kafka.source}), data and log in ${kafka.logDir} until it stops.`,
  )
  console.log(`Use it in another terminal: KAFKA_BROKERS=${kafka.brokers.join(',')} npx pnpm@10 start`)
  const registry = values.registry ? await startRegistry() : undefined
  if (registry) console.log(`Schema registry SCHEMA_REGISTRY_URL=${registry.url} (${registry.source}).`)
  const postgres = values.postgres ? await startPostgres() : undefined
  if (postgres) console.log(`Postgres POSTGRES_URL=${postgres.url} (${postgres.source}).`)
  console.log('Ctrl-C stops it.')
  // A broker alone doesn't keep its owner alive.
  const alive = setInterval(() => {}, 60_000)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clearInterval(alive)
      void Promise.all([kafka.stop(), registry?.stop(), postgres?.stop()])
    })
  }
} catch (error) {
  console.error(error instanceof ServerUnavailable ? error.message : error)
  process.exitCode = 1
}
