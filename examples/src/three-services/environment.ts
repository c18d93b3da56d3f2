const { env } = process

/** Where the three and `run-all` find everything; the defaults are for a machine on which all of it runs. */
export const environment = {
  brokers: (env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(','),
  postgres: env.POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres',
  host: env.HOST ?? '127.0.0.1',
  ports: {
    accounts: Number(env.ACCOUNTS_PORT ?? 3000),
    mailer: Number(env.MAILER_PORT ?? 3001),
    stats: Number(env.STATS_PORT ?? 3002),
  },
  logLevel: env.LOG_LEVEL ?? 'info',
  /** After how long Kafka gives up an instance that died without a word, in milliseconds: others then take over its partitions. */
  sessionTimeoutMs: Number(env.SESSION_TIMEOUT_MS ?? 10_000),
  /** How long the pretended mail server takes for a mail, in milliseconds. */
  mailMs: Number(env.MAIL_MS ?? 20),
  /** Whether spans are written to the standard output, a line of JSON each. */
  tracing: env.OTEL_TRACES_EXPORTER === 'console',
} as const

export type ServiceName = keyof typeof environment.ports

const namespace = env.NAMESPACE ?? 'three'

/** The name of a topic or a service: what has another NAMESPACE may use the same broker. */
export function named(name: string): string {
  return `${namespace}.${name}`
}

/** The Postgres schema of a service, which no other service looks into. */
export function schemaOf(service: ServiceName): string {
  return named(service).replace(/\W/g, '_').toLowerCase()
}
