import { inspect } from 'node:util'

/** Writes one line: structured fields first, then a message. The calling convention of pino. */
export interface LogMethod {
  (fields: object, message?: string): void
  (message: string): void
}

/** What Busbar needs of a logger. A pino logger fits as it is, and by `messageFirst` one that takes the message first. */
export interface Logger {
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
  /** A logger that adds `fields` to every line. */
  child(fields: Record<string, unknown>): Logger
}

const show = (value: unknown): string => {
  if (value instanceof Error) return value.message
  return typeof value === 'string'
    ? value
    : inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true })
}

const write =
  (level: 'warn' | 'error', bound: Record<string, unknown>) => (first: object | string, message?: string) => {
    const fields = typeof first === 'string' ? bound : { ...bound, ...first }
    const text = typeof first === 'string' ? first : (message ?? '')
    const shown = Object.entries(fields).map(([name, value]) => `${name}=${show(value)}`)
    // One line, whatever an error has to say.
    console[level](
      ['busbar', level, text, ...shown]
        .filter(part => part !== '')
        .join(' ')
        .replaceAll(/\s*[\r\n]+\s*/g, ' '),
    )
  }

/** The default logger: warnings and errors to the console, nothing below them. */
export const consoleLogger: Logger = createConsoleLogger({})

function createConsoleLogger(bound: Record<string, unknown>): Logger {
  return {
    debug: () => {},
    info: () => {},
    warn: write('warn', bound),
    error: write('error', bound),
    child: fields => createConsoleLogger({ ...bound, ...fields }),
  }
}

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}
