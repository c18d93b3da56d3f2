import type { Bus } from '../bus.js'
import type { Next } from '../compose.js'
import type { DeliveryReport } from '../consume.js'
import type { RecordContext, RequestContext } from '../context.js'
import { currentCorrelation } from '../correlation.js'
import { codeOf } from '../error.js'
import type { BusHealth } from '../health.js'
import type { PublishReport } from '../publish-report.js'
import type { BusSeries } from './bus-series.js'
import { type ExemplarSpan, exemplarLabels, exemplarOf, noExemplar } from './exemplar.js'
import type { MetricSet } from './metric-set.js'
import type { RegisterMetrics } from './register-metrics.js'
import type { Labels } from './series.js'

export interface BusMetricsOptions {
  readonly maxNames: number
  readonly scrapeTimeoutMs: number
  readonly exemplar: (() => ExemplarSpan | undefined) | undefined
}

/** Counts and times what one bus does. */
export class BusMetrics {
  readonly #bus: Bus
  readonly #metrics: MetricSet
  readonly #series: BusSeries
  readonly #options: BusMetricsOptions
  /** The exemplar of what is published or asked now; undefined where the register writes none. */
  readonly #presentExemplar: (() => Labels) | undefined
  /** Of an exemplar that failed: once is enough. */
  #isWarned = false

  constructor(bus: Bus, metrics: RegisterMetrics, options: BusMetricsOptions) {
    this.#bus = bus
    this.#metrics = metrics.set
    this.#options = options
    this.#series = metrics.add(this, options.maxNames)
    if (this.#metrics.hasExemplars)
      this.#presentExemplar = () => this.#exemplar(() => currentCorrelation()?.trace?.traceparent)
    bus.onPublish(report => this.#onPublish(report))
    bus.onDelivery(report => this.#onDelivery(report))
  }

  get name(): string {
    return this.#bus.name
  }

  get isClosed(): boolean {
    return this.#bus.state === 'closed'
  }

  get publishing(): number {
    return this.#bus.publishing
  }

  health(): Promise<BusHealth> {
    return this.#bus.health({ timeoutMs: this.#options.scrapeTimeoutMs })
  }

  attempt(context: RecordContext, next: Next): Promise<void> {
    const { attemptFailures, handlerDuration, latency, retries, hasExemplars } = this.#metrics
    const { group, subscription, event, runtime } = context
    const entry = this.#series.subscription(group, subscription, event)
    const { series } = entry
    const startMs = runtime.now()
    const exemplar = hasExemplars ? () => this.#exemplar(() => context.headers.get('traceparent')) : undefined
    if (context.attempt > 1) series.add(retries)
    entry.inFlight += 1
    const end = (endMs: number) => {
      entry.inFlight -= 1
      series.observe(handlerDuration, endMs - startMs, exemplar)
    }
    // No async function: this is around every attempt, and a promise more costs as much as what it counts.
    return next().then(
      () => {
        const endMs = runtime.now()
        const { timestampMs } = context.origin
        // Negative where a record has no time. The clock of whoever published may be ahead of this one.
        if (context.conclusion === 'done' && timestampMs >= 0)
          series.observe(latency, endMs - timestampMs, exemplar)
        end(endMs)
      },
      thrown => {
        // After its end a handler fails because it was told to stop: that is no failure of its own.
        if (!context.ended) series.addBy(attemptFailures, 'code', codeOf(thrown, 'HANDLER_FAILED'))
        end(runtime.now())
        throw thrown
      },
    )
  }

  async request({ event, runtime, many }: RequestContext, next: Next): Promise<void> {
    const { requests, requestDuration } = this.#metrics
    const series = this.#series.request(event)
    const startMs = runtime.now()
    let outcome = 'ok'
    try {
      await next()
      if (many?.failure) outcome = many.failure.code
    } catch (thrown) {
      outcome = codeOf(thrown, 'INTERNAL')
      throw thrown
    } finally {
      series.addBy(requests, 'outcome', outcome)
      series.observe(requestDuration, runtime.now() - startMs, this.#presentExemplar)
    }
  }

  #onPublish({ kind, event, durationMs, error }: PublishReport): void {
    const { published, publishFailures, publishDuration } = this.#metrics
    const series = this.#series.published(kind, event)
    if (error === undefined) series.add(published)
    else series.addBy(publishFailures, 'code', codeOf(error, 'PUBLISH_FAILED'))
    series.observe(publishDuration, durationMs, this.#presentExemplar)
  }

  #onDelivery(report: DeliveryReport): void {
    const { series } = this.#series.subscription(report.group, report.subscription, report.event)
    series.addBy(this.#metrics.deliveries, 'outcome', outcomeOf(report))
  }

  /** Never throws: what is counted must not fail for it. */
  #exemplar(traceparent: () => string | undefined): Labels {
    try {
      const span = this.#options.exemplar?.()
      return span ? exemplarLabels(span) : exemplarOf(traceparent())
    } catch (thrown) {
      if (!this.#isWarned) this.#bus.logger.warn({ err: thrown }, 'metrics(): what gives an exemplar failed')
      this.#isWarned = true
      return noExemplar
    }
  }
}

/** `done`, `dead-lettered`, `rescheduled`, `handed-back`, or why it needed no handling. */
function outcomeOf({ outcome, skipReason }: DeliveryReport): string {
  if (outcome === 'skipped') return skipReason ?? outcome
  return outcome === 'handed back' ? 'handed-back' : outcome
}
