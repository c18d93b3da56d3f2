import type { Bus } from '../bus.js'
import { reasonOf } from '../error.js'

/** An answer, whichever framework sends it. */
interface EndpointAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** Answers a GET of one path; undefined for any other request. */
export type Endpoint = (method: string | undefined, path: string) => Promise<EndpointAnswer> | undefined

export interface HealthOptions {
  /** Where `/live` and `/ready` stand. Default: `/health`. */
  readonly path?: string
}

export interface MetricsOptions {
  /** Default: `/metrics`. */
  readonly path?: string
}

/** What gives metrics as text: a registry of prom-client. */
export interface MetricsSource {
  readonly contentType: string
  metrics(): Promise<string>
}

const json = 'application/json; charset=utf-8'

/**
 * `/live`: 503 once only a new process helps, since a consumer has failed for good or the bus is closed.
 * `/ready`: 503 while the bus does not receive, or anything is red, with the reasons.
 */
export function healthEndpoint(bus: Bus, { path = '/health' }: HealthOptions = {}): Endpoint {
  const answers: Readonly<Record<string, () => Promise<EndpointAnswer>>> = {
    [`${path}/live`]: () => liveness(bus),
    [`${path}/ready`]: () => readiness(bus),
  }
  return (method, asked) => (isRead(method) && Object.hasOwn(answers, asked) ? answers[asked]?.() : undefined)
}

export function scrapeEndpoint(source: MetricsSource, { path = '/metrics' }: MetricsOptions = {}): Endpoint {
  return (method, asked) => (isRead(method) && asked === path ? scrape(source) : undefined)
}

async function liveness(bus: Bus): Promise<EndpointAnswer> {
  // Without asking the broker: while it is away, a new process would be no better.
  const { state, problems } = await bus.health({ timeoutMs: 0 })
  const final = problems.filter(({ kind }) => kind === 'consumer-failed')
  const isAlive = state !== 'closed' && final.length === 0
  return { status: isAlive ? 200 : 503, contentType: json, body: JSON.stringify({ state, problems: final }) }
}

async function readiness(bus: Bus): Promise<EndpointAnswer> {
  const { state, status, problems } = await bus.health()
  const isReady = state === 'running' && status === 'green'
  const reason = state === 'new' ? { reason: 'the bus was not started: call bus.start(), or listen()' } : {}
  return {
    status: isReady ? 200 : 503,
    contentType: json,
    body: JSON.stringify({ state, status, ...reason, problems }),
  }
}

async function scrape(source: MetricsSource): Promise<EndpointAnswer> {
  try {
    return { status: 200, contentType: source.contentType, body: await source.metrics() }
  } catch (thrown) {
    return {
      status: 500,
      contentType: 'text/plain; charset=utf-8',
      body: `no metrics: ${reasonOf(thrown)}\n`,
    }
  }
}

function isRead(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD'
}
