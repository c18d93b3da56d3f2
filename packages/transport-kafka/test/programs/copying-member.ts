/** One instance of a service that copies a topic, exactly once, until it is told to close or killed. */
import { silentLogger, systemRuntime } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { copying, transactional, valueOf } from '../support/copying.js'
import { finish, programOptions, tellParent, told, write } from '../support/program.js'

export interface CopyingMemberOptions {
  readonly brokers: string[]
  readonly group: string
  readonly from: string
  readonly to: string
  readonly sessionTimeout: number
  readonly commitIntervalMs: number
}

const { brokers, group, from, to, sessionTimeout, commitIntervalMs } = programOptions<CopyingMemberOptions>()
const transport = kafkaTransport({ brokers, commitIntervalMs, consumer: { sessionTimeout } })
await transport.connect({
  clientId: 'copying',
  logger: { ...silentLogger, child: () => logger(), info: logLine, warn: logLine },
  runtime: systemRuntime,
  onEvent: ({ type }) => write('event', type),
})
const copy = copying({ to })
const subscription = await transport.subscribe(transactional(group, [from]), async batch => {
  const last = batch.deliveries.at(-1)
  write('taken', batch.partition, batch.deliveries.length, last ? valueOf(last.record) : '')
  batch.signal.addEventListener('abort', () => write('ended', batch.partition), { once: true })
  await copy(batch)
})
tellParent('ready')
await told('close')
await subscription[Symbol.asyncDispose]()
await transport[Symbol.asyncDispose]()
finish()

function logger(): typeof silentLogger {
  return { ...silentLogger, child: () => logger(), info: logLine, warn: logLine }
}

function logLine(first: object | string, message?: string): void {
  const { reason = '', transactionalId } = (typeof first === 'object' ? first : {}) as Record<string, unknown>
  if (transactionalId !== undefined) write('log', String(message), String(reason))
}
