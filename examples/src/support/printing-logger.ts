import type { Logger } from '@busbar/core'

/** Prints what a newcomer should see: that a failure was noticed, and what becomes of it. */
export const printingLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: print,
  error: print,
  child: () => printingLogger,
}

function print(first: object | string, message?: string): void {
  const { event, err } = (typeof first === 'string' ? {} : first) as { event?: string; err?: unknown }
  const reason = err instanceof Error ? `: ${err.message}` : ''
  console.log(`busbar   ${typeof first === 'string' ? first : message}${event ? ` (${event})` : ''}${reason}`)
}
