// The command behind `pnpm kafka`: a broker in the foreground, until Ctrl-C. Options: --port=<port> (default 9092)
import { parseArgs } from 'node:util'
import { KafkaUnavailable } from './kafka/kafka-unavailable.js'
import { startKafka } from './kafka/start-kafka.js'

const { values } = parseArgs({ options: { port: { type: 'string', default: '9092' } } })
try {
  const kafka = await startKafka({ port: Number(values.port) })
  console.log(
    `Kafka ${kafka.brokers.join(',')} (${kafka.source}), data and log in ${kafka.logDir} until it stops.`,
  )
  console.log(`Use it in another terminal: KAFKA_BROKERS=${kafka.brokers.join(',')} npx pnpm@10 start`)
  console.log('Ctrl-C stops it.')
  // A broker alone doesn't keep its owner alive.
  const alive = setInterval(() => {}, 60_000)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clearInterval(alive)
      void kafka.stop()
    })
  }
} catch (error) {
  console.error(error instanceof KafkaUnavailable ? error.message : error)
  process.exitCode = 1
}
