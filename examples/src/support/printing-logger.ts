import type { Logger } from '@busbar/core'

/** Prints what a newcomer should see: that a failure was noticed, and what becomes of it. */
export const printingLogger: Logger = createPrintingLogger({})

function createPrintingLogger(bound: Record<string, unknown>): Logger {
  const print = (first: object | string, message?: string): void => {
    const fields = { ...bound, ...(typeof first === 'string' ? {} : first) } as {
      event?: string
      err?: unknown
    }
    const event = fields.event ? ` (${fields.event})` : ''
    const reason = fields.err instanceof Error ? `: ${fields.err.message}` : ''
    console.log(`busbar   ${typeof first === 'string' ? first : message}${event}${reason}`)
  }
  return {
    debug: () => {},
    info: () => {},
    warn: print,
    error: print,
    child: fields => createPrintingLogger({ ...bound, ...fields }),
  }
}
