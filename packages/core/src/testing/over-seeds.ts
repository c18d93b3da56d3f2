import { TestBus } from './test-bus.js'
import { TestBusError } from './test-bus-error.js'
import type { TestBusOptions } from './test-bus-options.js'

/**
 * Runs a test once for each of the seeds 1 to `count`, on a test bus of its own, which is closed afterwards. The first
 * failure ends it, and names its seed. With the environment variable `BUSBAR_SEED` only that seed runs.
 */
export async function overSeeds(
  count: number,
  test: (t: TestBus) => void | PromiseLike<void>,
  options: Omit<TestBusOptions, 'seed'> = {},
): Promise<void> {
  const only = process.env['BUSBAR_SEED']
  const seeds = only === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(only)]
  for (const seed of seeds) {
    try {
      await using t = new TestBus({ ...options, seed })
      await test(t)
    } catch (thrown) {
      throw TestBusError.from(seed, thrown)
    }
  }
}
