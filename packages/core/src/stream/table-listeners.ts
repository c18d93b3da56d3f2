import type { Logger } from '../logger.js'
import type { Flow } from './record-flow.js'
import type { TableUpdate } from './table-update.js'

/** Calls back for updates once they are committed. */
export class TableListeners<V> {
  readonly #listeners = new Set<(update: TableUpdate<V>) => void>()

  constructor(updates: Flow<TableUpdate<V>>, logger: Logger, store: string) {
    updates.attach((update, scope) => {
      scope.afterCommit(() => {
        for (const listener of this.#listeners) {
          try {
            listener(update)
          } catch (thrown) {
            logger.error({ err: thrown, store }, 'a listener of a table threw')
          }
        }
      })
    })
  }

  /** Returns what ends it. */
  add(listener: (update: TableUpdate<V>) => void): () => void {
    // One of its own for each call: the same function may be given twice.
    const own = (update: TableUpdate<V>) => listener(update)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }
}
