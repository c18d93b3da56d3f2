import type { Logger } from '@busbar/core'

/** Prints what a newcomer should see: that a failure was noticed, and what becomes of it. */
export const printingLogger: Logger = printing({})

function printing(bound: Record<string, unknown>): Logger {
  const write = (first: object | string, message?: string) => print(bound, first, message)
  return {
    debug: () => {},
    info: () => {},
    warn: write,
    error: write,
    child: fields => printing({ ...bound, ...fields }),
  }
}

function print(bound: object, first: object | string, message?: string): void {
  const { event, err } = { ...bound, ...(typeof first === 'string' ? {} : first) } as {
    event?: string
    err?: unknown
  }
  const reason = err instanceof Error ? `: ${err.message}` : ''
  console.log(`busbar   ${typeof first === 'string' ? first : message}${event ? ` (${event})` : ''}${reason}`)
}
