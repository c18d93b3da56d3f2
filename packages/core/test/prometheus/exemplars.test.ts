import {
  type Bus,
  correlation,
  createBus,
  defineEvent,
  defineRequest,
  silentLogger,
  withCorrelation,
} from '@busbar/core'
import { type MetricsOptions, type MetricsRegister, metrics } from '@busbar/core/prometheus'
import { memoryTransport } from '@busbar/transport-memory'
import { expectTypeOf } from 'expect-type'
import { type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('exemplars')
const Thing = defineEvent<{ id: string }>('thing')
const Ask = defineRequest<{ id: string }, string>('ask')
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const sampled = `00-${traceId}-${spanId}-01`
const labels = `trace_id="${traceId}",span_id="${spanId}"`

function openMetrics() {
  const register = new Registry<OpenMetricsContentType>()
  register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  return register
}

/** What a register writes after one event, published with a traceparent, and one request. */
async function written(
  register: MetricsRegister,
  traceparent: string,
  options: MetricsOptions = {},
): Promise<string> {
  await using bus: Bus = createBus({ name: 'service', transport: memoryTransport(), logger: silentLogger })
  bus.use(metrics(register, options), correlation())
  const handled = new Promise<void>(resolve => bus.subscribe(Thing, () => resolve()))
  bus.reply(Ask, () => 'yes')
  await bus.start()
  await withCorrelation({ correlationId: 'c', trace: { traceparent } }, async () => {
    await bus.publish(Thing, { id: 'a' })
    await bus.request(Ask, { id: 'a' })
  })
  await handled
  return await register.metrics()
}

/** The names of the histograms with this exemplar. */
function exemplified(text: string, exemplar: string): string[] {
  const names = text
    .split('\n')
    .flatMap(line => (line.includes(` # {${exemplar}} `) ? [/^\w+/.exec(line)?.[0]] : []))
  return [...new Set(names)].toSorted() as string[]
}

const all = [
  'busbar_end_to_end_latency_seconds_bucket',
  'busbar_handler_duration_seconds_bucket',
  'busbar_publish_duration_seconds_bucket',
  'busbar_request_duration_seconds_bucket',
]

test('histograms carry the trace of the record, of the request, of whoever publishes', async () => {
  const text = await written(openMetrics(), sampled)
  assert.equal(exemplified(text, labels), all)
  assert.match(text, /# EOF\n$/)
})

test('there are none of a trace that nobody keeps, nor of what is no traceparent', async () => {
  for (const traceparent of [
    sampled.replace(/01$/, '00'),
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    'a secret',
  ])
    assert.not.match(await written(openMetrics(), traceparent), / # \{/)
})

test('an option gives the span instead; one that throws, or gives nonsense, costs only the exemplar', async () => {
  const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
  const given = await written(openMetrics(), sampled, { exemplar: () => span })
  assert.equal(exemplified(given, `trace_id="${span.traceId}",span_id="${span.spanId}"`), all)
  const none = await written(openMetrics(), sampled, { exemplar: () => undefined })
  assert.equal(exemplified(none, labels), all)
  const fail = () => {
    throw new Error('no')
  }
  for (const exemplar of [fail, () => ({ traceId: 'x'.repeat(200), spanId })]) {
    const text = await written(openMetrics(), sampled, { exemplar })
    assert.not.match(text, / # \{/)
    assert.match(text, /^busbar_requests_total\{.*outcome="ok"\} 1$/m)
    assert.match(text, /^busbar_end_to_end_latency_seconds_count\{.*event="thing"\} 1$/m)
  }
})

test('a register of the older format has none, and everything else', async () => {
  const text = await written(new Registry(), sampled)
  assert.not.match(text, / # \{/)
  assert.match(text, /^busbar_end_to_end_latency_seconds_count\{.*event="thing"\} 1$/m)
})

test('either kind of register is taken, and nothing else', () => {
  expectTypeOf(metrics).parameter(0).toEqualTypeOf<MetricsRegister>()
  expectTypeOf<Registry<PrometheusContentType>>().toExtend<MetricsRegister>()
  expectTypeOf<Registry<OpenMetricsContentType>>().toExtend<MetricsRegister>()
  // @ts-expect-error: no register
  assert.type(() => metrics({}), 'function')
  // @ts-expect-error: milliseconds are named
  assert.type(() => metrics(new Registry(), { scrapeTimeout: 1 }), 'function')
})

test.run()
