import { type Bus, defineEvent, defineRequest, type Logger } from '@busbar/core'
import { BUS, BusbarModule, type BusbarModuleOptions } from '@busbar/nestjs'
import { type MemoryBroker, memoryBroker, memoryTransport } from '@busbar/transport-memory'
import type { ModuleMetadata } from '@nestjs/common'
import { Test, type TestingModule } from '@nestjs/testing'

export interface User {
  readonly id: string
  readonly email: string
}

export const UserCreated = defineEvent<User>('user.created', { key: user => user.id })
export const GetUser = defineRequest<{ readonly id: string }, { readonly name: string }>('user.get')
export const ada: User = { id: '1', email: 'ada@example.com' }

/** A line of a log, with all its fields. */
interface Line {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

export interface Application extends AsyncDisposable {
  readonly module: TestingModule
  readonly bus: Bus
  readonly broker: MemoryBroker
  readonly lines: Line[]
}

/** An application of these providers and controllers on a broker in memory, initialised unless `init` is false. */
export async function application(
  metadata: ModuleMetadata,
  { init = true, ...options }: Partial<BusbarModuleOptions> & { readonly init?: boolean } = {},
): Promise<Application> {
  const broker = memoryBroker({ partitions: 2 })
  const lines: Line[] = []
  const module = await Test.createTestingModule({
    ...metadata,
    imports: [
      BusbarModule.forRoot({
        name: 'accounts',
        transport: memoryTransport({ broker }),
        logger: linesTo(lines),
        ...options,
      }),
      ...(metadata.imports ?? []),
    ],
  })
    .setLogger(false as never)
    .compile()
  if (init) await module.init()
  return {
    module,
    bus: module.get<Bus>(BUS),
    broker,
    lines,
    [Symbol.asyncDispose]: () => module.close(),
  }
}

function linesTo(lines: Line[], bound: object = {}): Logger {
  const method = (level: string) => (first: object | string, message?: string) => {
    const fields = typeof first === 'string' ? {} : first
    const text = typeof first === 'string' ? first : (message ?? '')
    lines.push({ ...bound, ...fields, level, message: text })
  }
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    child: fields => linesTo(lines, { ...bound, ...fields }),
  }
}
