import type { Conclusion } from './context.js'
import type { Effects, OutboundRecord } from './transport.js'

/** What the acknowledgement of one delivery will bring with it, in a transactional group. */
export class DeliveryEffects {
  #run: Effects[] = []
  readonly #forwarded: OutboundRecord[] = []

  /**
   * Begins a run of the handler: what earlier ones have added counts no more. Returns how this run adds; once another has
   * begun, that has no effect.
   */
  begin(): (effects: Effects) => void {
    const run: Effects[] = []
    this.#run = run
    return effects => void run.push(effects)
  }

  /** Adds a record of middleware: a dead letter, a retry. */
  forward(record: OutboundRecord): void {
    this.#forwarded.push(record)
  }

  /** All of it, for a delivery that ended so: what a handler added counts only where the handler is done. */
  of(conclusion: Conclusion): Effects | undefined {
    const own = conclusion === 'done' ? this.#run : []
    return mergedEffects([...own, { records: this.#forwarded }])
  }
}

/** Several effects as one; undefined where there is nothing in them. */
export function mergedEffects(parts: readonly Effects[]): Effects | undefined {
  const used = parts.filter(({ records, onCommitted }) => records.length > 0 || onCommitted)
  if (used.length <= 1) return used[0]
  return {
    records: used.flatMap(({ records }) => records),
    onCommitted: positions => {
      let first = 0
      for (const { records, onCommitted } of used) {
        onCommitted?.(positions.slice(first, first + records.length))
        first += records.length
      }
    },
  }
}
