import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  deadline,
  describeGroup,
  eventually,
  freePorts,
  kafkaForTests,
  prometheusForTests,
  uniqueName,
} from '@busbar/testkit'
import { suite } from 'uvu'
import { type MonitoredService, monitoredService } from './support/monitored-services.js'
import { type PrometheusClient, prometheusClient } from './support/prometheus-client.js'

const test = suite('a real Prometheus scrapes services on Kafka')
const monitoring = join(import.meta.dirname, '../../monitoring')
const [shopPort = 0, onePort = 0, anotherPort = 0] = await freePorts(3)
const targets = [shopPort, onePort, anotherPort].map(port => `127.0.0.1:${port}`)
const prefix = `${uniqueName('monitored')}.`
const mailer = `${prefix}mailer`
const folder = await mkdtemp(join(tmpdir(), 'busbar-rules-'))
const rules = join(folder, 'prometheus-rules.yaml')
await writeFile(rules, await impatientRules())
const kafka = await kafkaForTests()
const server = kafka && (await prometheusForTests({ targets, rules: [rules] }))

if (kafka !== undefined && server !== undefined) {
  const prometheus = prometheusClient(server.url)
  const options = { brokers: kafka.brokers, prefix, perSecond: 60 }
  let services: readonly [MonitoredService, MonitoredService, MonitoredService] | undefined

  test.before(async () => {
    // Topics are made by whoever comes first.
    const one = await monitoredService({ ...options, role: 'mailer', port: onePort })
    const another = await monitoredService({ ...options, role: 'mailer', port: anotherPort })
    services = [await monitoredService({ ...options, role: 'shop', port: shopPort }), one, another]
  })

  test.after(async () => {
    await Promise.all((services ?? []).map(service => service.kill()))
    await server.stop()
    await rm(folder, { recursive: true })
  })

  test('all are scraped, and what they write is OpenMetrics with exemplars', async () => {
    await eventually(async () => {
      assert.equal((await prometheus.query('up == 1')).length, 3)
      assert.ok((await only(prometheus, 'sum(increase(busbar_deliveries_total{outcome="done"}[20s]))')) > 100)
    }, within(30_000))
    const query = encodeURIComponent('busbar_end_to_end_latency_seconds_bucket')
    const range = `start=${Date.now() / 1_000 - 60}&end=${Date.now() / 1_000 + 60}`
    const found = await prometheus.get<{ exemplars: { labels: Record<string, string> }[] }[]>(
      `query_exemplars?query=${query}&${range}`,
    )
    const labels = found.flatMap(({ exemplars }) => exemplars.map(each => each.labels))
    assert.ok(labels.length > 0, 'no exemplars')
    for (const { trace_id, span_id } of labels)
      assert.ok(/^[\da-f]{32}$/.test(trace_id ?? '') && trace_id?.endsWith(span_id ?? 'none'))
  })

  test('every query of the dashboard has data, and every rule is evaluated without an error', async () => {
    const { panels } = JSON.parse(
      await readFile(join(monitoring, 'grafana-dashboard.json'), 'utf8'),
    ) as Dashboard
    for (const { title, targets: queries = [] } of panels) {
      for (const { expr } of queries) {
        await eventually(async () => {
          const series = await prometheus.query(withVariables(expr))
          assert.ok(series.length > 0, `${title}: ${expr}`)
          assert.ok(
            series.some(({ value }) => Number.isFinite(value)),
            `${title}: ${expr}`,
          )
        }, within(15_000))
      }
    }
    const { groups } = await prometheus.get<{ groups: { rules: Rule[] }[] }>('rules')
    const evaluated = groups.flatMap(each => each.rules)
    assert.equal(evaluated.length, 11)
    for (const { name, health, lastError = '' } of evaluated)
      assert.equal(health, 'ok', `${name}: ${lastError}`)
    await prometheus.query('ALERTS{alertname="BusbarDeadLetters"}')
  })

  test('the lag is what the tools of Kafka say, within one scrape', async () => {
    for (const service of services?.slice(1) ?? []) service.tell('hang')
    // Now nothing is finished; the shop stops, and so the lag.
    await eventually(async () => assert.ok((await only(prometheus, `sum(${lagOf(mailer)})`)) > 50), {
      timeoutMs: 20_000,
    })
    await services?.[0].kill()
    await eventually(async () => {
      const described = await describeGroup(kafka.brokers, mailer)
      const ofTool = new Map(described.map(({ topic, partition, lag }) => [`${topic}/${partition}`, lag]))
      const scraped = await deadline(5_000, 'a scrape', nextScrape(prometheus))
      const ofMetrics = await scraped.query(lagOf(mailer))
      assert.ok(ofTool.size > 0)
      assert.deepEqual(
        new Map(ofMetrics.map(({ metric, value }) => [`${metric['topic']}/${metric['partition']}`, value])),
        ofTool,
      )
    }, within(30_000))
  })

  test('handlers that hang raise the alert, and a killed consumer takes neither lag nor alert along', async () => {
    const partitions = (await prometheus.query(lagOf(mailer))).length
    const stalled = `ALERTS{alertname="BusbarConsumerStalled", alertstate="firing", group="${mailer}"}`
    await eventually(async () => assert.ok((await prometheus.query(stalled)).length > 0), {
      timeoutMs: 30_000,
    })
    await services?.[1].kill()
    await eventually(async () => {
      assert.equal((await prometheus.query(`up{instance="127.0.0.1:${onePort}"} == 0`)).length, 1)
      assert.equal((await prometheus.query(`busbar_running{instance="127.0.0.1:${onePort}"}`)).length, 0)
    }, within(15_000))
    assert.equal((await prometheus.query(lagOf(mailer))).length, partitions)
    assert.ok((await prometheus.query(stalled)).length > 0)
    services?.[2].tell('go on')
    // It takes over what the other held, and works off all of it.
    await eventually(async () => {
      assert.equal(await only(prometheus, `sum(${lagOf(mailer)})`), 0)
      assert.equal((await prometheus.query(stalled)).length, 0)
    }, within(40_000))
  })
}

test.run()

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly targets?: readonly { readonly expr: string }[]
  }[]
}

interface Rule {
  readonly name: string
  readonly health: string
  readonly lastError?: string
}

/** The rules with what takes minutes made seconds. */
async function impatientRules(): Promise<string> {
  const text = await readFile(join(monitoring, 'prometheus-rules.yaml'), 'utf8')
  return text
    .replaceAll(/for: \d+m/g, 'for: 2s')
    .replaceAll('_seconds > 300', '_seconds > 3')
    .replaceAll(') > 300', ') > 3')
}

function lagOf(group: string): string {
  return `max by (topic, partition) (busbar_consumer_lag_records{group="${group}"})`
}

function within(timeoutMs: number) {
  return { timeoutMs, everyMs: 200 }
}

function withVariables(expression: string): string {
  const values = { __rate_interval: '20s', __range: '1m', job: '.*', bus: '.*' }
  return Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`$${name}`, value),
    expression,
  )
}

async function only(prometheus: PrometheusClient, expression: string): Promise<number> {
  const [series, ...others] = await prometheus.query(expression)
  assert.equal(others.length, 0)
  return series?.value ?? Number.NaN
}

/** Resolves when all that are up have been scraped anew. */
async function nextScrape(prometheus: PrometheusClient): Promise<PrometheusClient> {
  const scrapes = () => only(prometheus, 'min(timestamp(up == 1))')
  const before = await scrapes()
  await eventually(async () => assert.ok((await scrapes()) > before))
  return prometheus
}
