import { SHARED_KAFKA_VARIABLE } from '../kafka/kafka-for-tests.js'
import { startKafka } from '../kafka/start-kafka.js'
import {
  SHARED_POSTGRES_VARIABLE,
  SHARED_REDIS_VARIABLE,
  SHARED_REGISTRY_VARIABLE,
} from '../servers/for-tests.js'
import { startPostgres } from '../servers/start-postgres.js'
import { startRedis } from '../servers/start-redis.js'
import { startRegistry } from '../servers/start-registry.js'

/** A server that the runner starts once, for all test files that need it. */
export interface SharedServer {
  readonly name: string
  /** The variable that tells the test files where it is. */
  readonly variable: string
  /** Whether a test file needs it, by the name of the file and what is in it. */
  isNeededBy(name: string, content: string): boolean
  start(): Promise<{ readonly address: string; stop(): Promise<void> }>
}

export const sharedServers: readonly SharedServer[] = [
  {
    name: 'Kafka',
    variable: SHARED_KAFKA_VARIABLE,
    isNeededBy: (name, content) => name.includes('kafka') || /\b(kafkaForTests|startKafka)\(/.test(content),
    async start() {
      const kafka = await startKafka()
      return { address: kafka.brokers.join(','), stop: () => kafka.stop() }
    },
  },
  {
    name: 'Redis',
    variable: SHARED_REDIS_VARIABLE,
    isNeededBy: (_, content) => /\b(redisForTests|startRedis)\(/.test(content),
    async start() {
      const redis = await startRedis()
      return { address: redis.url, stop: () => redis.stop() }
    },
  },
  {
    name: 'Postgres',
    variable: SHARED_POSTGRES_VARIABLE,
    isNeededBy: (_, content) => /\b(postgresForTests|startPostgres)\(/.test(content),
    async start() {
      const postgres = await startPostgres()
      return { address: postgres.url, stop: () => postgres.stop() }
    },
  },
  {
    name: 'the schema registry',
    variable: SHARED_REGISTRY_VARIABLE,
    isNeededBy: (_, content) => /\b(registryForTests|startRegistry)\(/.test(content),
    async start() {
      const registry = await startRegistry()
      return { address: registry.url, stop: () => registry.stop() }
    },
  },
]
