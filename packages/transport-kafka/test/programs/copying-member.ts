/** One instance of a service that copies a topic, exactly once, until it is told to close or killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { silentLogger, systemRuntime } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { copying, textIn, transactional } from '../support/copying.js'
import { finish, programOptions, tellParent, told, write } from '../support/program.js'

export interface CopyingMemberOptions {
  readonly brokers: string[]
  readonly group: string
  readonly from: string
  readonly to: string
  readonly sessionTimeout: number
  readonly commitIntervalMs: number
  /** For each batch, before it is acknowledged. */
  readonly workMs: number
}

const { brokers, group, from, to, sessionTimeout, commitIntervalMs, workMs } =
  programOptions<CopyingMemberOptions>()
const transport = kafkaTransport({ brokers, commitIntervalMs, consumer: { sessionTimeout } })
await transport.connect({
  clientId: 'copying',
  logger: logger(),
  runtime: systemRuntime,
  onEvent: ({ type }) => write('event', type),
})
const copy = copying({ to })
const signals = new WeakSet<AbortSignal>()
const subscription = await transport.subscribe(transactional(group, [from]), async batch => {
  const last = batch.deliveries.at(-1)
  write('taken', batch.partition, batch.deliveries.length, last ? textIn(last.record) : '')
  if (!signals.has(batch.signal)) {
    signals.add(batch.signal)
    batch.signal.addEventListener('abort', () => write('ended', batch.partition), { once: true })
  }
  await sleep(workMs)
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
