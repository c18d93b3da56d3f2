import type { IdempotencyStore, Runtime } from '@busbar/core'
import type { SeededRandom } from '@busbar/core/testing'

/**
 * A store as one process reaches it: each call takes some turns there and back, and once the process is dead nothing
 * comes back, and what was still on its way never happens.
 */
export function remoteStore(
  store: IdempotencyStore,
  runtime: Runtime,
  random: SeededRandom,
  isAlive: () => boolean,
): IdempotencyStore {
  const hop = async (): Promise<void> => {
    for (let turns = random.below(3); turns > 0; turns -= 1)
      await new Promise<void>(resolve => runtime.defer(resolve))
    if (!isAlive()) await new Promise(() => {})
  }
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    await hop()
    const result = await run()
    await hop()
    return result
  }
  return {
    claim: (key, leaseMs) => call(() => store.claim(key, leaseMs)),
    renew: (key, token, leaseMs) => call(() => store.renew(key, token, leaseMs)),
    complete: (key, token, completion) => call(() => store.complete(key, token, completion)),
    release: (key, token) => call(() => store.release(key, token)),
  }
}

/** The store itself, with every mark of completion shown to an oracle. */
export function markedStore(store: IdempotencyStore, onMark: (key: string) => void): IdempotencyStore {
  return {
    ...store,
    async complete(key, token, completion) {
      const isMarked = await store.complete(key, token, completion)
      if (isMarked) onMark(key)
      return isMarked
    },
  }
}
