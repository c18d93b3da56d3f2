import { inspect } from 'node:util'
import type { Logger, LogMethod } from '@busbar/core'
import { Logger as NestLogger } from '@nestjs/common'

/**
 * Busbar's lines in the application's own log: the message first, then the fields as `name=value`, so that any logger
 * behind Nest's shows them. An error's stack goes where Nest expects it. The default of {@link BusbarModule}.
 */
export function nestLogger(context = 'Busbar'): Logger {
  return withFields(new NestLogger(context), {})
}

function withFields(logger: NestLogger, bound: Record<string, unknown>): Logger {
  const method =
    (write: (line: string, stack: string | undefined) => void): LogMethod =>
    (first: object | string, message?: string) => {
      const fields = typeof first === 'string' ? bound : { ...bound, ...first }
      const text = typeof first === 'string' ? first : message
      const { err } = fields as { readonly err?: unknown }
      write(lineOf(text, fields), err instanceof Error ? err.stack : undefined)
    }
  return {
    debug: method(line => logger.debug(line)),
    info: method(line => logger.log(line)),
    warn: method(line => logger.warn(line)),
    error: method((line, stack) => (stack === undefined ? logger.error(line) : logger.error(line, stack))),
    child: fields => withFields(logger, { ...bound, ...fields }),
  }
}

function lineOf(text = '', fields: object): string {
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${shownValue(value)}`)
  return [text, ...shown].filter(part => part !== '').join(' ')
}

function shownValue(value: unknown): string {
  if (value instanceof Error) return value.message
  return typeof value === 'string'
    ? value
    : inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true })
}
