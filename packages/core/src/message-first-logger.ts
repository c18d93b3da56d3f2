import { reasonOf } from './error.js'
import type { Logger, LogMethod } from './logger.js'

type MessageFirstMethod = (message: string, fields?: object) => unknown

/** A logger whose methods take the message and then its fields, as those of winston, loglevel, NestJS and the console do. */
export type MessageFirstLogger = Readonly<Record<'debug' | 'warn' | 'error', MessageFirstMethod>> &
  // What NestJS calls log.
  (Readonly<Record<'info', MessageFirstMethod>> | Readonly<Record<'log', MessageFirstMethod>>)

/**
 * Makes a logger that takes the message first fit. Without it winston's fits by its type, and writes `[object Object]`.
 *
 * Fields of child loggers are added to each line. Errors among the fields are plain objects with `name`, `message`, `code`,
 * `stack` and `cause`, because JSON writes an error as `{}`; whatever else an error holds is left out.
 */
export function messageFirst(logger: MessageFirstLogger): Logger {
  return withFields(logger, {})
}

function withFields(logger: MessageFirstLogger, bound: Record<string, unknown>): Logger {
  const method =
    (write: (...line: [message: string, fields?: object]) => unknown): LogMethod =>
    (first: object | string, message?: string) => {
      const fields = typeof first === 'string' ? bound : { ...bound, ...first }
      const text = typeof first === 'string' ? first : (message ?? '')
      const plain = Object.entries(fields).map(([name, value]) => [
        name,
        value instanceof Error ? plainError(value) : value,
      ])
      if (plain.length === 0) write(text)
      else write(text, Object.fromEntries(plain) as object)
    }
  return {
    debug: method((...line) => logger.debug(...line)),
    info: method((...line) => ('info' in logger ? logger.info(...line) : logger.log(...line))),
    warn: method((...line) => logger.warn(...line)),
    error: method((...line) => logger.error(...line)),
    child: fields => withFields(logger, { ...bound, ...fields }),
  }
}

/** What JSON can carry of an error and of what caused it. */
function plainError(error: Error, seen: ReadonlySet<Error> = new Set()): object {
  const { name, message, stack, cause } = error
  const within = new Set([...seen, error])
  const plain = (thrown: unknown) => {
    if (!(thrown instanceof Error)) return reasonOf(thrown)
    return within.has(thrown) ? reasonOf(thrown) : plainError(thrown, within)
  }
  return {
    name,
    message,
    ...('code' in error ? { code: error.code } : {}),
    stack,
    ...(cause === undefined ? {} : { cause: plain(cause) }),
    ...(error instanceof AggregateError ? { errors: error.errors.map(plain) } : {}),
  }
}
