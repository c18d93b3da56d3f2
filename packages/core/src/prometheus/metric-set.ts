import {
  Counter,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  type PrometheusContentType,
  type Registry,
} from 'prom-client'

/** A register of prom-client, whichever format it writes. */
export type MetricsRegister = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>

/** The upper bounds of the histograms' buckets, in seconds. */
export interface Buckets {
  readonly durations: readonly number[]
  readonly latencies: readonly number[]
}

const ofPublish = ['bus', 'kind', 'event'] as const
const ofSubscription = ['bus', 'group', 'subscription', 'event'] as const
const ofRequest = ['bus', 'event'] as const
const ofPartition = ['bus', 'group', 'topic', 'partition'] as const

/** The metrics of Busbar, as prom-client has them. */
export class MetricSet {
  readonly published: Counter
  readonly publishFailures: Counter
  readonly publishDuration: Histogram
  readonly deliveries: Counter
  readonly attemptFailures: Counter
  readonly retries: Counter
  readonly handlerDuration: Histogram
  readonly latency: Histogram
  readonly requests: Counter
  readonly requestDuration: Histogram
  /** What is looked up at a scrape. */
  readonly gauges: Readonly<Record<GaugeName, Gauge>>
  /** Whether the register writes exemplars. */
  readonly hasExemplars: boolean

  /** @param look called at each scrape, once for each gauge: sets them. */
  constructor(register: MetricsRegister, buckets: Buckets, look: () => Promise<void>) {
    this.hasExemplars = register.contentType.startsWith('application/openmetrics-text')
    const counter = (name: string, help: string, labelNames: readonly string[]) =>
      new Counter({ name, help, labelNames, registers: [register] })
    const histogram = (
      name: string,
      help: string,
      labelNames: readonly string[],
      bounds: readonly number[],
    ) =>
      new Histogram({
        ...{ name, help, labelNames, buckets: [...bounds], registers: [register] },
        enableExemplars: this.hasExemplars,
      })
    const gauge = (name: string, help: string, labelNames: readonly string[], aggregator: 'sum' | 'max') =>
      new Gauge({ name, help, labelNames, registers: [register], aggregator, collect: look })
    const { durations, latencies } = buckets

    this.published = counter(
      'busbar_published_total',
      'Events, requests and replies that the broker has stored',
      ofPublish,
    )
    this.publishFailures = counter(
      'busbar_publish_failures_total',
      'Events, requests and replies that were not stored, or are not known to have been, by error code',
      [...ofPublish, 'code'],
    )
    this.publishDuration = histogram(
      'busbar_publish_duration_seconds',
      'Time from the call of publish to the answer of the broker',
      ofPublish,
      durations,
    )
    this.deliveries = counter(
      'busbar_deliveries_total',
      'Deliveries to a subscription, by what became of them',
      [...ofSubscription, 'outcome'],
    )
    this.attemptFailures = counter(
      'busbar_attempt_failures_total',
      'Attempts to handle a delivery that failed, by error code',
      [...ofSubscription, 'code'],
    )
    this.retries = counter('busbar_retries_total', 'Attempts that followed a failed one', ofSubscription)
    this.handlerDuration = histogram(
      'busbar_handler_duration_seconds',
      'Time of one attempt to decode and handle a delivery',
      ofSubscription,
      durations,
    )
    this.latency = histogram(
      'busbar_end_to_end_latency_seconds',
      'Time from the first publication of a record to the end of its handler',
      ofSubscription,
      latencies,
    )
    this.requests = counter('busbar_requests_total', 'Requests, by ok or error code', [
      ...ofRequest,
      'outcome',
    ])
    this.requestDuration = histogram(
      'busbar_request_duration_seconds',
      'Time from a request to its reply or replies, or its failure',
      ofRequest,
      durations,
    )
    this.gauges = {
      running: gauge('busbar_running', 'Whether the bus has started and receives', ['bus'], 'sum'),
      publishing: gauge(
        'busbar_publishes_waiting',
        'Publishes that are neither stored nor refused yet',
        ['bus'],
        'sum',
      ),
      inFlight: gauge('busbar_handlers_in_flight', 'Attempts that run now', ofSubscription, 'sum'),
      problems: gauge(
        'busbar_health_problems',
        'Problems that the health of the bus tells of, by kind',
        ['bus', 'kind'],
        'sum',
      ),
      lag: gauge(
        'busbar_consumer_lag_records',
        'Records that a group has not finished in a partition, whoever holds it',
        ofPartition,
        'max',
      ),
      waiting: gauge(
        'busbar_partition_waiting_seconds',
        'Time for which records of a partition have waited of which none was finished',
        ofPartition,
        'max',
      ),
      held: gauge(
        'busbar_partition_held',
        'Whether a partition is assigned to this instance',
        ofPartition,
        'max',
      ),
    }
  }
}

type GaugeName = 'running' | 'publishing' | 'inFlight' | 'problems' | 'lag' | 'waiting' | 'held'
