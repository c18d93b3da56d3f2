import { BusbarError } from '../error.js'
import type { Middleware } from '../middleware.js'
import { positive, whole } from '../validate.js'
import { BusMetrics } from './bus-metrics.js'
import type { ExemplarSpan } from './exemplar.js'
import type { MetricsRegister } from './metric-set.js'
import { RegisterMetrics } from './register-metrics.js'

export interface MetricsOptions {
  /**
   * Upper bounds of the buckets of handlers, publishes and requests, in seconds; the same for all buses on a register.
   * Default: 5 ms to 30 s.
   */
  readonly durationBuckets?: readonly number[]
  /** Upper bounds of the buckets of the time from publication to handling, in seconds. Default: 10 ms to an hour. */
  readonly latencyBuckets?: readonly number[]
  /**
   * How many published contracts, how many subscriptions and how many requests of this bus get series of their own; what
   * is beyond is counted together, as `other`. Default: 1,000.
   */
  readonly maxNames?: number
  /** How long a scrape waits for the broker to say where groups stand, in milliseconds. Default: 3,000. */
  readonly scrapeTimeoutMs?: number
  /**
   * The span that an exemplar points to, asked while it is the present one: give OpenTelemetry's active span. Default: that
   * of the `traceparent` of the record or of the present correlation, if it is sampled. Exemplars are written where the
   * content type of the register is OpenMetrics.
   */
  readonly exemplar?: () => ExemplarSpan | undefined
}

/**
 * Counts and times what a bus does, on a register of prom-client, and looks up lag and health whenever that is scraped.
 * Buses may share a register; make one middleware for each. After the close of a bus its series are gone.
 *
 * @throws BusbarError `CONFIG_INVALID` naming the option that is wrong.
 */
export function metrics(register: MetricsRegister, options: MetricsOptions = {}): Middleware {
  const buckets = {
    durations: bounds('durationBuckets', options.durationBuckets ?? durations),
    latencies: bounds('latencyBuckets', options.latencyBuckets ?? latencies),
  }
  const busOptions = {
    maxNames: whole('metrics.maxNames', options.maxNames ?? 1_000),
    scrapeTimeoutMs: positive('metrics.scrapeTimeoutMs', options.scrapeTimeoutMs ?? 3_000),
    exemplar: options.exemplar,
  }
  let attached: BusMetrics | undefined
  return {
    name: 'metrics',
    observes: true,
    attach(bus) {
      if (attached) {
        throw new BusbarError(
          'CONFIG_INVALID',
          `bus ${bus.name}: this metrics() belongs to bus ${attached.name}: make one for each`,
        )
      }
      attached = new BusMetrics(bus, RegisterMetrics.on(register, buckets), busOptions)
    },
    attempt: (context, next) => attached?.attempt(context, next) ?? next(),
    request: (context, next) => attached?.request(context, next) ?? next(),
  }
}

const durations = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const latencies = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600]

function bounds(option: string, given: readonly number[]): readonly number[] {
  if (given.length > 0 && given.every((bound, index) => bound > (given[index - 1] ?? 0))) return given
  throw new BusbarError('CONFIG_INVALID', `metrics.${option} must be ascending numbers of seconds above 0`)
}
