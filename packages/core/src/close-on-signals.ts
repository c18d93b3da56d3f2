import type { Logger } from './logger.js'
import { type Runtime, systemRuntime } from './runtime.js'
import { positive } from './validate.js'

/** Something that ends in order: a bus, a service of `listen`, a Fastify instance. */
export interface Closable {
  close(): PromiseLike<unknown>
}

export interface CloseOnSignalsOptions {
  /** Default: `SIGTERM` and `SIGINT`. */
  readonly signals?: readonly NodeJS.Signals[]
  /** How long closing may take before the process is ended all the same, in milliseconds. Default: 15,000. */
  readonly timeoutMs?: number
  /** Told of the signal and of a close that fails. Default: nobody. */
  readonly logger?: Logger
}

/** Something to close, and the signals that ask for it. */
interface Registration {
  readonly closable: Closable
  readonly options: CloseOnSignalsOptions
  readonly signals: readonly NodeJS.Signals[]
}

/** What is closed when a signal comes: all of a process together, whoever asked for it. */
const registrations = new Set<Registration>()
let isClosing = false

/**
 * Closes something when the process is told to end, and then ends the process: with 0 when everything was closed, with 1 when
 * that failed or took too long, or a second signal came. Several may be added; they are closed side by side. Returns what
 * undoes it.
 */
export function closeOnSignals(closable: Closable, options: CloseOnSignalsOptions = {}): () => void {
  const { signals = ['SIGTERM', 'SIGINT'] } = options
  positive('closeOnSignals.timeoutMs', options.timeoutMs ?? defaultTimeoutMs)
  const registration: Registration = { closable, options, signals }
  for (const signal of signals) if (!isListened(signal)) process.on(signal, onSignal)
  registrations.add(registration)
  return () => {
    if (!registrations.delete(registration)) return
    for (const signal of signals) if (!isListened(signal)) process.removeListener(signal, onSignal)
  }
}

const defaultTimeoutMs = 15_000
const runtime: Runtime = systemRuntime

function isListened(signal: NodeJS.Signals): boolean {
  return [...registrations].some(({ signals }) => signals.includes(signal))
}

function onSignal(signal: NodeJS.Signals): void {
  if (isClosing) process.exit(1)
  isClosing = true
  const closing = [...registrations].map(({ closable, options }) => close(closable, options, signal))
  void Promise.all(closing).then(closed => process.exit(closed.every(Boolean) ? 0 : 1))
}

async function close(
  closable: Closable,
  { timeoutMs = defaultTimeoutMs, logger }: CloseOnSignalsOptions,
  signal: NodeJS.Signals,
): Promise<boolean> {
  logger?.info({ signal }, 'closing')
  const late = new Promise<boolean>(resolve => {
    runtime.setTimer(timeoutMs, () => {
      logger?.error({ signal, timeoutMs }, 'closing took too long: the process ends')
      resolve(false)
    })
  })
  const closing = async () => {
    try {
      await closable.close()
      return true
    } catch (thrown) {
      logger?.error({ err: thrown, signal }, 'closing failed: the process ends')
      return false
    }
  }
  return Promise.race([closing(), late])
}
