import type { MetricSet } from './metric-set.js'
import { BoundedNames, type Labels, Series } from './series.js'

/** The series of a subscription, and what it does now. */
export interface SubscriptionSeries {
  readonly series: Series
  inFlight: number
}

/** What stands for all names beyond the limit. */
const other = 'other'

/** The group of a broadcast subscription, which has none. */
const broadcast = '(broadcast)'

/** The series of the buses of one name on one register, made as names are seen. */
export class BusSeries {
  readonly #bus: string
  readonly #metrics: MetricSet
  readonly #published: BoundedNames<Series>
  readonly #subscriptions: BoundedNames<SubscriptionSeries>
  readonly #requests: BoundedNames<Series>

  constructor(bus: string, metrics: MetricSet, maxNames: number) {
    this.#bus = bus
    this.#metrics = metrics
    this.#published = new BoundedNames(maxNames, () => this.#makePublished(other, other))
    this.#subscriptions = new BoundedNames(maxNames, () => this.#makeSubscription(other, other, other))
    this.#requests = new BoundedNames(maxNames, () => this.#make({ event: other }))
  }

  get subscriptions(): readonly SubscriptionSeries[] {
    return this.#subscriptions.all
  }

  published(kind: string, event: string): Series {
    return this.#published.of(`${kind} ${event}`, () => this.#makePublished(kind, event))
  }

  subscription(group: string | false, subscription: string, event: string): SubscriptionSeries {
    const name = group === false ? broadcast : group
    return this.#subscriptions.of(`${name} ${subscription} ${event}`, () =>
      this.#makeSubscription(name, subscription, event),
    )
  }

  request(event: string): Series {
    return this.#requests.of(event, () => this.#make({ event }))
  }

  /** Takes them out of the metrics. */
  remove(): void {
    for (const series of [...this.#published.all, ...this.#requests.all]) series.remove()
    for (const { series } of this.#subscriptions.all) series.remove()
  }

  // Counters that alerts look at are there before they first count: what comes out of nowhere is no increase.

  #makePublished(kind: string, event: string): Series {
    const series = this.#make({ kind, event })
    series.add(this.#metrics.published, 0)
    return series
  }

  #makeSubscription(group: string, subscription: string, event: string): SubscriptionSeries {
    const series = this.#make({ group, subscription, event })
    for (const outcome of ['done', 'dead-lettered'])
      series.addBy(this.#metrics.deliveries, 'outcome', outcome, 0)
    return { series, inFlight: 0 }
  }

  #make(labels: Labels): Series {
    return new Series({ bus: this.#bus, ...labels })
  }
}
