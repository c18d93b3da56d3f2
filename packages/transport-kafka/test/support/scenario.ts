import { type Bus, type BusOptions, createBus, type Logger } from '@busbar/core'
import { type KafkaTransportOptions, kafkaTransport } from '@busbar/transport-kafka'
import kafkajs from 'kafkajs'

/** A line of a log. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A logger that keeps what it is told. */
export class KeepingLogger implements Logger {
  readonly lines: LogLine[]
  readonly #bound: Record<string, unknown>

  constructor(lines: LogLine[] = [], bound: Record<string, unknown> = {}) {
    this.lines = lines
    this.#bound = bound
  }

  debug = this.#at('debug')
  info = this.#at('info')
  warn = this.#at('warn')
  error = this.#at('error')

  child(fields: Record<string, unknown>): Logger {
    return new KeepingLogger(this.lines, { ...this.#bound, ...fields })
  }

  /** Warnings and errors, as texts. */
  get complaints(): string[] {
    return this.lines
      .filter(({ level }) => level === 'warn' || level === 'error')
      .map(({ message, fields }) => {
        const { err, reason } = fields
        return err instanceof Error
          ? `${message} ${err.message}`
          : `${message} ${typeof reason === 'string' ? reason : ''}`
      })
  }

  #at(level: LogLine['level']) {
    return (first: object | string, message = ''): void => {
      const fields = typeof first === 'string' ? {} : first
      this.lines.push({
        level,
        fields: { ...this.#bound, ...fields },
        message: typeof first === 'string' ? first : message,
      })
    }
  }
}

export interface KafkaBus {
  readonly bus: Bus
  readonly logger: KeepingLogger
}

/** A bus on Kafka whose log is kept. */
export function kafkaBus(
  brokers: readonly string[],
  options: Omit<BusOptions, 'transport' | 'logger'>,
  kafka: Omit<KafkaTransportOptions, 'brokers'> = {},
): KafkaBus {
  const logger = new KeepingLogger()
  return { bus: createBus({ ...options, logger, transport: kafkaTransport({ brokers, ...kafka }) }), logger }
}

/** What an observer of the broker sees, through kafkajs's own administration. */
export interface Observer extends AsyncDisposable {
  readonly admin: kafkajs.Admin
  /** By `topic/partition`: the committed position, -1 where there is none. */
  committed(group: string, topics: readonly string[]): Promise<Map<string, number>>
  /** Records between the committed positions and the ends of these topics. */
  lag(group: string, topics: readonly string[]): Promise<number>
}

export async function observe(brokers: readonly string[]): Promise<Observer> {
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
  const kafka = new kafkajs.Kafka({
    brokers: [...brokers],
    clientId: 'observer',
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const admin = kafka.admin()
  await admin.connect()
  const committed = async (group: string, topics: readonly string[]) => {
    const found = await admin.fetchOffsets({ groupId: group, topics: [...topics] })
    return new Map(
      found.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)] as const),
      ),
    )
  }
  return {
    admin,
    committed,
    lag: async (group, topics) => {
      const positions = await committed(group, topics)
      let lag = 0
      for (const topic of topics) {
        for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
          lag += Number(high) - Math.max(0, positions.get(`${topic}/${partition}`) ?? 0)
        }
      }
      return lag
    },
    [Symbol.asyncDispose]: () => admin.disconnect(),
  }
}
