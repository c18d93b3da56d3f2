import { BusbarError } from '../error.js'
import { type BusHealth, type PartitionHealth, problemKinds } from '../health.js'
import type { BusMetrics } from './bus-metrics.js'
import { BusSeries } from './bus-series.js'
import { type Buckets, MetricSet, type MetricsRegister } from './metric-set.js'

/** The metrics on one register, which all buses of the process share: their series differ by the label `bus`. */
export class RegisterMetrics {
  readonly set: MetricSet
  readonly #register: MetricsRegister
  readonly #buckets: string
  readonly #buses = new Set<BusMetrics>()
  /** By the name of the bus. */
  readonly #series = new Map<string, BusSeries>()
  #scraping: Promise<void> | undefined

  private constructor(register: MetricsRegister, buckets: Buckets) {
    this.#register = register
    this.#buckets = JSON.stringify(buckets)
    this.set = new MetricSet(register, buckets, () => this.#scrape())
  }

  /**
   * The metrics on a register, made when they are first asked for.
   * @throws BusbarError `CONFIG_INVALID` when they are there with other buckets.
   */
  static on(register: MetricsRegister, buckets: Buckets): RegisterMetrics {
    const known = registered.get(register)
    if (known && !known.#isCleared) {
      if (known.#buckets === JSON.stringify(buckets)) return known
      throw new BusbarError(
        'CONFIG_INVALID',
        'metrics(): another bus has other buckets on this register: give both the same, or another register',
      )
    }
    const made = new RegisterMetrics(register, buckets)
    registered.set(register, made)
    return made
  }

  /** Adds a bus; gives the series of its name. Those of buses that are closed go. */
  add(bus: BusMetrics, maxNames: number): BusSeries {
    this.#sweep()
    this.#buses.add(bus)
    const series = this.#series.get(bus.name) ?? new BusSeries(bus.name, this.set, maxNames)
    this.#series.set(bus.name, series)
    return series
  }

  /** Whether `register.clear()` was called since. */
  get #isCleared(): boolean {
    return this.#register.getSingleMetric('busbar_running') !== this.set.gauges.running
  }

  /** One look for all gauges of a scrape, and for scrapes that come at the same time. */
  #scrape(): Promise<void> {
    this.#scraping ??= this.#look().finally(() => {
      this.#scraping = undefined
    })
    return this.#scraping
  }

  async #look(): Promise<void> {
    this.#sweep()
    const { gauges } = this.set
    const buses = [...this.#buses]
    const looks = await Promise.all(
      buses.map(async bus => ({ name: bus.name, publishing: bus.publishing, health: await bus.health() })),
    )
    // Nothing of before is left: not the lag while the broker is away, nor a bus that was closed.
    for (const gauge of Object.values(gauges)) gauge.reset()
    for (const { subscriptions } of this.#series.values())
      for (const { series, inFlight } of subscriptions) gauges.inFlight.set(series.labels, inFlight)
    for (const look of looks) this.#showBus(look)
    this.#showPartitions(
      looks.flatMap(({ name, health }) => health.partitions.map(each => ({ ...each, bus: name }))),
    )
  }

  /** Several buses may have one name, as instances of a service in one process: they count together. */
  #showBus({ name: bus, publishing, health }: Look): void {
    const { gauges } = this.set
    gauges.running.inc({ bus }, health.state === 'running' ? 1 : 0)
    gauges.publishing.inc({ bus }, publishing)
    // All of them: what alerts look at is there also without a problem.
    for (const kind of problemKinds)
      gauges.problems.inc({ bus, kind }, health.problems.filter(problem => problem.kind === kind).length)
  }

  #showPartitions(partitions: readonly (PartitionHealth & { readonly bus: string })[]): void {
    const { gauges } = this.set
    // Last whoever holds it, who knows best.
    const heldLast = partitions.toSorted((one, another) => Number(one.isHeld) - Number(another.isHeld))
    for (const { bus, group, topic, partition, lag, waitingMs, isHeld } of heldLast) {
      const labels = { bus, group, topic, partition: String(partition) }
      gauges.lag.set(labels, lag)
      gauges.waiting.set(labels, waitingMs / 1_000)
      gauges.held.set(labels, isHeld ? 1 : 0)
    }
  }

  #sweep(): void {
    for (const bus of this.#buses) if (bus.isClosed) this.#buses.delete(bus)
    const names = new Set(Array.from(this.#buses, ({ name }) => name))
    for (const [name, series] of this.#series) {
      if (names.has(name)) continue
      series.remove()
      this.#series.delete(name)
    }
  }
}

interface Look {
  readonly name: string
  readonly publishing: number
  readonly health: BusHealth
}

const registered = new WeakMap<MetricsRegister, RegisterMetrics>()
