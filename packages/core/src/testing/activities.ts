import { AsyncLocalStorage } from 'node:async_hooks'

/** A handler, or the function given to `track`, while it runs. */
export interface Activity {
  /** What it is, for messages. */
  readonly label: string
  /** The bus that it belongs to. */
  readonly owner: object | undefined
  /** Virtual timers that it has set and that are still to come: as long as there are any, it waits for the clock. */
  timers: number
}

/** What runs now, and whether it waits for the virtual clock or for something that the clock knows nothing of. */
export class Activities {
  readonly #current = new AsyncLocalStorage<Activity>()
  readonly #running = new Set<Activity>()
  /** Calls under way to the broker that wait for the clock: what runs may wait for one of them. */
  travelling = 0
  /** Whether to look at what runs; without it nothing is paid. */
  readonly #isWatching: boolean

  constructor(isWatching: boolean) {
    this.#isWatching = isWatching
  }

  /** The activity in whose asynchronous context this is called. */
  get current(): Activity | undefined {
    return this.#current.getStore()
  }

  async run<T>(label: string, owner: object | undefined, work: () => T | PromiseLike<T>): Promise<T> {
    if (!this.#isWatching) return work()
    const activity: Activity = { label, owner, timers: 0 }
    this.#running.add(activity)
    try {
      return await this.#current.run(activity, work)
    } finally {
      this.#running.delete(activity)
    }
  }

  /** Those that wait for something real: a promise of the user's own, a real timer, I/O. */
  get unparked(): readonly Activity[] {
    if (this.travelling > 0) return []
    return [...this.#running].filter(activity => activity.timers === 0)
  }

  /** Forgets what a crashed bus was running. */
  forget(owner: object): void {
    for (const activity of this.#running) if (activity.owner === owner) this.#running.delete(activity)
  }
}
