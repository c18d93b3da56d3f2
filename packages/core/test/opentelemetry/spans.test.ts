import { defineEvent, filter, idempotent, memoryStore, retry, timeout } from '@busbar/core'
import { openTelemetry } from '@busbar/core/opentelemetry'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from '../support/assertions.js'
import { Thing, until } from '../support/failure-world.js'
import { run } from '../support/redrive.js'
import { tracedWorld } from './traced-world.js'

const test = suite('spans of events')
const Mailed = defineEvent<Thing>('mailed', { topic: 'mails' })

test('one trace leads through two buses, each span below what caused it', async () => {
  await using w = tracedWorld()
  const accounts = w.traced('accounts')
  const mailer = w.traced('mailer')
  const stats: string[] = []
  mailer.bus.subscribe(Thing, async thing => {
    await new Promise(resolve => setImmediate(resolve))
    await mailer.bus.publish(Mailed, thing)
  })
  accounts.bus.subscribe(Mailed, ({ id }) => void stats.push(id))
  await Promise.all([accounts.bus.start(), mailer.bus.start()])
  await accounts.bus.publish(Thing, { id: 'a' })
  await until(() => w.spans().length === 4, 'all spans')
  assert.equal(w.tree(), [
    'accounts: publish things PRODUCER',
    '  mailer: process things CONSUMER',
    '    mailer: publish mails PRODUCER',
    '      accounts: process mails CONSUMER',
  ])
  assert.is(new Set(w.spans().map(span => span.spanContext().traceId)).size, 1)
  assert.equal(stats, ['a'])
})

test('has the attributes of the conventions, and nothing of the payload', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('accounts')
  bus.subscribe(Thing, { group: 'mailer', name: 'welcome' }, () => {})
  await bus.start()
  await bus.publish(Thing, { id: 'secret' }, { id: 'event-1' })
  await until(() => w.spans().length === 2, 'both spans')
  assert.equal(w.span('publish things').attributes, {
    'messaging.system': 'memory',
    'messaging.client.id': 'accounts',
    'messaging.operation.name': 'publish',
    'messaging.operation.type': 'send',
    'messaging.destination.name': 'things',
    'messaging.message.id': 'event-1',
    'busbar.event': 'thing',
  })
  const process = w.span('process things')
  assert.equal(process.attributes, {
    'messaging.system': 'memory',
    'messaging.client.id': 'accounts',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': 'things',
    'messaging.destination.partition.id': '0',
    'messaging.consumer.group.name': 'mailer',
    'messaging.message.id': 'event-1',
    'messaging.kafka.offset': 0,
    'busbar.event': 'thing',
    'busbar.subscription': 'welcome',
    'busbar.attempt': 1,
    'busbar.outcome': 'done',
  })
  assert.is(process.status.code, SpanStatusCode.UNSET)
  assert.equal(
    process.links.map(link => link.context.spanId),
    [w.span('publish things').spanContext().spanId],
  )
})

test('keys are attributes only where they may be', async () => {
  for (const recordKeys of [false, true]) {
    await using w = tracedWorld()
    const { bus } = w.traced('accounts', { recordKeys })
    bus.subscribe(Thing, () => {})
    await bus.start()
    await bus.publish(Thing, { id: 'ada' })
    await until(() => w.spans().length === 2, 'both spans')
    const key = w.span('process things').attributes['messaging.kafka.message.key']
    assert.is(key, recordKeys ? 'ada' : undefined)
  }
})

test('each attempt has a span with its failure, and so has the move to the dead-letter topic', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.traced('service')
  bus.subscribe(Thing, { use: [retry({ attempts: 2, delayMs: 1 })] }, ({ id }) => {
    throw new TypeError(`no ${id}`)
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.equal(w.tree(), [
    'service: publish things PRODUCER',
    '  service: process things CONSUMER TypeError',
    '  service: process things CONSUMER TypeError',
    '  service: send things.service.dlq CLIENT',
  ])
  const attempts = w.spans().filter(({ kind }) => kind === SpanKind.CONSUMER)
  assert.equal(
    attempts.map(({ attributes }) => [attributes['busbar.attempt'], attributes['busbar.outcome']]),
    [
      [1, 'failed'],
      [2, 'failed'],
    ],
  )
  assert.is(attempts[0]?.status.message, 'no a')
  assert.is(attempts[0]?.events[0]?.name, 'exception')
  assert.is(attempts[0]?.events.length, 1)
})

test('a dead letter that can not be written is a failure of its span', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.refusing(({ topic }) => {
    if (topic.endsWith('.dlq')) throw new Error('the disk is full')
  })
  bus.use(w.tracing())
  bus.subscribe(Thing, { use: [retry({ attempts: 1 })] }, () => {
    throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length >= 1, 'handed back')
  assert.is(reports[0]?.outcome, 'handed back')
  const [move] = w.spans().filter(({ name }) => name === 'send things.service.dlq')
  assert.is(move?.status.code, SpanStatusCode.ERROR)
  assert.is(move?.status.message, 'the disk is full')
})

test('a record that comes back by a retry topic stays in its trace, also with tracing inside of retry', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.service()
  bus.use(retry({ attempts: 2, delayMs: 10, via: 'topic' }), w.tracing())
  bus.subscribe(Thing, (_, { attempt }) => {
    if (attempt === 1) throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 2, 'both')
  assert.equal(w.tree(), [
    'service: publish things PRODUCER',
    '  service: process things CONSUMER Error',
    '  service: send things.service.retry.1 CLIENT',
    '  service: process things.service.retry.1 CONSUMER',
  ])
})

test('a delayed event and a dead letter that is replayed go on in their trace', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.traced('service')
  let isFixed = false
  bus.subscribe(Thing, { use: [retry({ attempts: 1 })] }, () => {
    if (!isFixed) throw new Error('no')
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' }, { delayMs: 5_000 })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  isFixed = true
  await run(w, bus.deadLetters().replay())
  await w.advanceUntil(() => reports.length === 2, 'its second end')
  assert.equal(w.tree(), [
    'service: publish things PRODUCER',
    '  service: process things CONSUMER Error',
    '  service: send things.service.dlq CLIENT',
    '  service: process things.service.retry CONSUMER',
  ])
})

test('bytes that can not be decoded are a failure like any other', async () => {
  await using w = tracedWorld()
  const { bus, transport, reports } = w.traced('service')
  bus.subscribe(Thing, () => {})
  await bus.start()
  const record = await bus.encode(Thing, { id: 'a' })
  await transport.send([{ ...record, value: new Uint8Array([123]) }])
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.equal(w.tree(), [
    'service: create things PRODUCER',
    '  service: process things CONSUMER DECODE_FAILED',
    '  service: send things.service.dlq CLIENT',
  ])
})

test('what was skipped says so, and why', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.traced('service')
  bus.subscribe(
    Thing,
    { use: [filter<Thing>(({ key }) => key !== 'filtered'), idempotent(memoryStore())] },
    () => {},
  )
  await bus.start()
  await bus.publish(Thing, { id: 'a' }, { id: 'same' })
  await bus.publish(Thing, { id: 'a' }, { id: 'same' })
  await bus.publish(Thing, { id: 'a', key: 'filtered' })
  await w.advanceUntil(() => reports.length === 3, 'all')
  const outcomes = w
    .spans()
    .filter(({ kind }) => kind === SpanKind.CONSUMER)
    .map(span => [span.attributes['busbar.outcome'], span.attributes['busbar.skip_reason']].join(' '))
  assert.equal(outcomes.toSorted(), ['done ', 'skipped duplicate', 'skipped filtered'])
})

test('a handler that stops because it was told to has not failed', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  let isRunning = false
  bus.subscribe(Thing, async (_, { signal }) => {
    isRunning = true
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    throw signal.reason
  })
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await until(() => isRunning, 'the handler')
  const closing = bus.close({ timeoutMs: 10 })
  await w.advanceUntil(() => w.spans().length === 2, 'its span')
  await closing
  const process = w.span('process things')
  assert.is(process.attributes['busbar.outcome'], 'handed back')
  assert.is(process.status.code, SpanStatusCode.UNSET)
})

test('a time limit is the error of its attempt', async () => {
  await using w = tracedWorld()
  const { bus, reports } = w.traced('service')
  bus.subscribe(Thing, { use: [retry({ attempts: 1 }), timeout(50)] }, () => new Promise(() => {}))
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  await w.advanceUntil(() => reports.length === 1, 'its end')
  assert.is(w.span('process things').attributes['error.type'], 'HANDLER_TIMEOUT')
})

test('a publish that fails is an error, and throws what it threw', async () => {
  await using w = tracedWorld()
  const thrown = new RangeError('too large')
  const { bus } = w.refusing(() => {
    throw thrown
  })
  bus.use(w.tracing())
  await bus.start()
  assert.is(await bus.publish(Thing, { id: 'a' }).catch((caught: unknown) => caught), thrown)
  assert.equal(w.tree(), ['service: publish things PRODUCER RangeError'])
})

test('a handler is inside of its own span and of nobody else, whatever was active when the record came', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  let inside: string | undefined
  bus.subscribe(Thing, () => {
    inside = trace.getActiveSpan()?.spanContext().spanId
  })
  const tracer = w.provider.getTracer('test')
  const ambient = tracer.startSpan('ambient')
  // The loops of an in-memory transport live on in the context of whoever woke them up.
  await context.with(trace.setSpan(context.active(), ambient), async () => {
    await bus.start()
    const record = await bus.encode(Thing, { id: 'a' })
    await bus.send([
      { ...record, headers: { ce_specversion: '1.0', ce_id: 'x', ce_type: 'thing', ce_source: 's' } },
    ])
    await until(() => inside !== undefined, 'the handler')
  })
  ambient.end()
  const process = w.span('process things')
  assert.is(inside, process.spanContext().spanId)
  assert.is(process.parentSpanContext, undefined)
})

test('what is published at once within a span are its children', async () => {
  await using w = tracedWorld()
  const { bus } = w.traced('service')
  await bus.start()
  await w.provider.getTracer('test').startActiveSpan('http', async span => {
    await Promise.all([bus.publish(Thing, { id: 'a' }), bus.publishBatch(Thing, [{ id: 'b' }, { id: 'c' }])])
    span.end()
  })
  const http = w.span('http').spanContext().spanId
  const publishes = w.spans().filter(({ name }) => name === 'publish things')
  assert.equal(
    publishes.map(({ parentSpanContext }) => parentSpanContext?.spanId),
    [http, http, http],
  )
})

test('belongs to one bus', async () => {
  await using w = tracedWorld()
  const tracing = w.tracing()
  w.service({ name: 'one' }).bus.use(tracing)
  const { message } = throws(() => w.service({ name: 'other' }).bus.use(tracing), 'CONFIG_INVALID')
  assert.match(message, /bus other: .* bus one: make one for each/)
  throws(() => w.service().bus.subscribe(Thing, { use: [w.tracing()] }, () => {}), 'CONFIG_INVALID')
  // @ts-expect-error no such option: keys would stay out without a word
  openTelemetry({ recordKey: true })
})

test.run()
