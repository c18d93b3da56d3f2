import { type Bus, type BusOptions, createBus, type Logger, type LogMethod } from '@busbar/core'
import { type MemoryBroker, memoryBroker, memoryTransport } from '@busbar/transport-memory'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A logger that keeps what it was given. */
export function recordingLogger(
  lines: LogLine[] = [],
  bound: Record<string, unknown> = {},
): Logger & { lines: LogLine[] } {
  const method =
    (level: LogLine['level']): LogMethod =>
    (first: object | string, message?: string) => {
      const fields = typeof first === 'string' ? bound : { ...bound, ...first }
      lines.push({ level, message: typeof first === 'string' ? first : (message ?? ''), fields })
    }
  return {
    lines,
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    child: fields => recordingLogger(lines, { ...bound, ...fields }),
  }
}

export interface TestBus {
  readonly bus: Bus
  readonly broker: MemoryBroker
  readonly lines: LogLine[]
}

/** A bus on an in-memory broker of one partition per topic, unless told otherwise. */
export function testBus(options: Partial<BusOptions> & { readonly broker?: MemoryBroker } = {}): TestBus {
  const { broker = memoryBroker({ partitions: 1 }), ...rest } = options
  const logger = recordingLogger()
  const bus = createBus({ name: 'service', transport: memoryTransport({ broker }), logger, ...rest })
  return { bus, broker, lines: logger.lines }
}
