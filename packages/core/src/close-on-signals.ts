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

/** What is closed when a signal comes: all of a process together, whoever asked for it. */
const closables = new Map<Closable, CloseOnSignalsOptions>()
let isClosing = false

/**
 * Closes something when the process is told to end, and then ends the process: with 0 when everything was closed, with 1 when
 * that failed or took too long, or a second signal came. Several may be added; they are closed side by side. Returns what
 * undoes it.
 */
export function closeOnSignals(closable: Closable, options: CloseOnSignalsOptions = {}): () => void {
  const { signals = ['SIGTERM', 'SIGINT'] } = options
  positive('closeOnSignals.timeoutMs', options.timeoutMs ?? defaultTimeoutMs)
  closables.set(closable, options)
  for (const signal of signals) process.on(signal, onSignal)
  return () => {
    closables.delete(closable)
    for (const signal of signals) process.removeListener(signal, onSignal)
  }
}

const defaultTimeoutMs = 15_000
const runtime: Runtime = systemRuntime

function onSignal(signal: NodeJS.Signals): void {
  // The listener is there once for each that was added.
  if (isClosing) return
  isClosing = true
  // In the next turn, so that a second signal is told from the other listeners of the first.
  runtime.defer(() => {
    for (const each of ['SIGTERM', 'SIGINT', signal] as const) process.once(each, () => process.exit(1))
  })
  void Promise.all([...closables].map(([closable, options]) => close(closable, options, signal))).then(
    closed => process.exit(closed.every(Boolean) ? 0 : 1),
  )
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
