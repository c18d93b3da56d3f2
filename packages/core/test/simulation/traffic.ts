import type { Bus, BusbarError, Runtime } from '@busbar/core'
import type { SeededRandom } from '@busbar/core/testing'
import { Entry, type Item, Order, priceOf, Quote, Reminder } from './contracts.js'
import type { EffectOracle } from './effect-oracle.js'
import { type Profile, spanMs } from './profile.js'
import type { Violations } from './violations.js'

export interface TrafficOptions {
  readonly profile: Profile
  readonly random: SeededRandom
  readonly runtime: Runtime
  readonly effects: EffectOracle
  readonly violations: Violations
}

/** What the model's client publishes and requests, at times that the seed decides. */
export class Traffic {
  readonly requests: Promise<void>[] = []
  readonly #options: TrafficOptions
  #next = 0

  constructor(options: TrafficOptions) {
    this.#options = options
  }

  schedule(client: Bus): void {
    const { profile, random, runtime } = this.#options
    for (let left = profile.orders; left > 0; left -= 1) {
      runtime.setTimer(random.next() * spanMs, () => this.#act(client))
    }
  }

  #act(client: Bus): void {
    const { random, runtime } = this.#options
    this.#next += 1
    const item = { n: this.#next, who: `c${random.below(5)}` }
    const kind = random.next()
    if (kind < 0.55) void this.#publish('order', client.publish(Order, item))
    else if (kind < 0.7) void this.#publish('entry', client.publish(Entry, item))
    else if (kind < 0.8) {
      const delayMs = random.below(8_000)
      const dueMs = runtime.now() + delayMs
      void this.#publish('reminder', client.publish(Reminder, { ...item, dueMs }, { delayMs }))
    } else this.requests.push(this.#request(client, item))
  }

  /** Only what was published for certain must arrive. */
  async #publish(event: string, publishing: Promise<{ readonly id: string }>): Promise<void> {
    const receipt = await publishing.catch(() => undefined)
    if (receipt) this.#options.effects.published(event, receipt.id)
  }

  async #request(client: Bus, item: Item): Promise<void> {
    const { profile, violations } = this.#options
    try {
      const { n, price } = await client.request(Quote, item, { timeoutMs: 10_000 })
      if (n !== item.n || price !== priceOf(item.n))
        violations.add('replies', `${item.n} got the reply of ${n}`)
    } catch (thrown) {
      const { code, message } = thrown as BusbarError
      const isCalm = profile.seed % 3 === 0
      if (isCalm && code !== 'REMOTE_FAILED') violations.add('replies', `request ${item.n}: ${message}`)
    }
  }
}
