import assert from 'node:assert/strict'
import {
  BusbarError,
  circuitBreaker,
  correlation,
  currentCorrelation,
  defineRequest,
  logging,
  type OutboundRecord,
  retry,
  withCorrelation,
} from '@busbar/core'
import { pino } from 'pino'
import { suite } from 'uvu'
import type { LogLine } from './support/bus.js'
import { type Service, Thing, until, type World, world } from './support/failure-world.js'

const test = suite('the correlation id in lines of the bus')
const Ask = defineRequest<Thing, string>('ask')
const fail = () => {
  throw new Error('no')
}

/** Runs as if an HTTP request had this correlation id. */
const within = <T>(run: () => T): T => withCorrelation({ correlationId: 'request-1' }, run)

/** The lines that tell of this, which must be there. */
function linesOf({ lines }: Service, text: string): LogLine[] {
  const found = lines.filter(({ message }) => message.includes(text))
  assert.ok(found.length > 0, `${text}: ${JSON.stringify(lines.map(({ message }) => message))}`)
  return found
}

/** A service that carries correlation, and whose broker refuses records. */
function serviceOf(w: World, refuse: (record: OutboundRecord) => void = () => {}): Service {
  const service = w.refusing(refuse)
  service.bus.use(logging(), correlation())
  return service
}

test('of a delivery that fails: tried again in either way, dead-lettered, handed back, held back', async () => {
  await using w = world()
  const service = serviceOf(w)
  const { bus, reports } = service
  const quick = { attempts: 2, delayMs: 1 } as const
  bus.subscribe(Thing, { name: 'in-place', use: [retry(quick)] }, fail)
  bus.subscribe(Thing, { name: 'by-topic', use: [retry({ ...quick, via: 'topic' })] }, fail)
  bus.subscribe(
    Thing,
    { name: 'broken', use: [retry({ attempts: 1 }), circuitBreaker({ failures: 1, openMs: 5 })] },
    fail,
  )
  bus.subscribe(Thing, { name: 'kept', onFailure: 'hand-back' }, (_, { attempt }) => {
    if (attempt === 1) fail()
  })
  await bus.start()
  await within(() => bus.publish(Thing, { id: 'a' }))
  await w.advanceUntil(
    () => reports.some(({ outcome, subscription }) => outcome === 'done' && subscription === 'kept'),
    'the end of all',
  )
  await w.advanceUntil(
    () =>
      reports.some(({ outcome, subscription }) => outcome === 'dead-lettered' && subscription === 'by-topic'),
    'the end of that by the topic',
  )
  for (const text of [
    'it is tried again',
    'it comes back by its retry topic',
    'the record is a dead letter now',
    'the record is handed back',
    'circuit breaker opened',
    'delivery done',
    'delivery rescheduled',
  ])
    for (const { fields } of linesOf(service, text)) assert.equal(fields['correlationId'], 'request-1', text)
})

test('of a request that is answered with an error, and of a reply that can not be sent', async () => {
  await using w = world()
  const service = serviceOf(w, ({ topic, headers }) => {
    if (topic === 'busbar.replies' && !headers['kafka_nest-err'])
      throw new BusbarError('RECORD_TOO_LARGE', 'too large')
  })
  const { bus } = service
  bus.reply(Ask, ({ id }) => {
    if (id === 'bad') fail()
    return 'yes'
  })
  await bus.start()
  for (const id of ['bad', 'good']) await within(() => bus.request(Ask, { id })).catch(() => {})
  for (const text of ['request answered with an error', 'reply could not be sent'])
    for (const { fields } of linesOf(service, text)) assert.equal(fields['correlationId'], 'request-1', text)
})

test('of a publish that fails, at once or when its delay is over', async () => {
  await using w = world()
  let refused = 'things'
  const service = serviceOf(w, ({ topic }) => {
    if (topic === refused) throw new BusbarError('PUBLISH_FAILED', 'not now')
  })
  const { bus, lines } = service
  await bus.start()
  await within(() => bus.publish(Thing, { id: 'a' })).catch(() => {})
  await within(() => bus.publish(Thing, { id: 'b' }, { delayMs: 1_000 }))
  await w.advanceUntil(() => lines.some(({ level }) => level === 'error'), 'the failure')
  refused = ''
  for (const text of ['publish failed', 'a delayed publish failed'])
    for (const { fields } of linesOf(service, text)) assert.equal(fields['correlationId'], 'request-1', text)
})

test('of a record that comes back to a subscription that is not here', async () => {
  await using w = world()
  const before = serviceOf(w)
  before.bus.subscribe(
    Thing,
    { name: 'gone', use: [retry({ attempts: 2, delayMs: 10, via: 'topic' })] },
    fail,
  )
  await before.bus.start()
  await within(() => before.bus.publish(Thing, { id: 'a' }))
  await until(() => before.reports.length === 1, 'its first attempt')
  await before.bus.close()
  const after = serviceOf(w)
  after.bus.subscribe(
    Thing,
    { name: 'another', use: [retry({ attempts: 2, delayMs: 10, via: 'topic' })] },
    () => {},
  )
  await after.bus.start()
  await w.advanceUntil(() => after.lines.some(({ level }) => level === 'warn'), 'the warning')
  const [line] = linesOf(after, 'a subscription that is not here')
  assert.equal(line?.fields['correlationId'], 'request-1')
})

test('of a record that an operator with a state fails for good', async () => {
  await using w = world()
  const service = serviceOf(w)
  const refuse = () => {
    throw new BusbarError('PAYLOAD_INVALID', 'no such thing')
  }
  service.bus.stream(Thing, { group: 'counts' }).keyed().mapValues(refuse).groupByKey().count({ store: 'n' })
  await service.bus.start()
  await within(() => service.bus.publish(Thing, { id: 'a' }, { key: 'a' }))
  await w.advanceUntil(() => service.reports.length === 1, 'its end')
  const [line] = linesOf(service, 'an operator failed for good')
  assert.equal(line?.fields['correlationId'], 'request-1')
})

test('a record without one has no such field, and one that is no text fails no line', async () => {
  await using w = world()
  const service = w.service()
  const { bus, transport, reports } = service
  bus.subscribe(Thing, { use: [retry({ attempts: 1 })] }, fail)
  await bus.start()
  await bus.publish(Thing, { id: 'a' })
  const record = await bus.encode(Thing, { id: 'b' })
  const headers = { ...record.headers, ce_correlationid: new Uint8Array([0x61, 0xff]) }
  await transport.send([{ ...record, headers }])
  await until(() => reports.length === 2, 'both ends')
  const [without, broken] = linesOf(service, 'the record is a dead letter now').map(({ fields }) => fields)
  assert.equal('correlationId' in (without ?? {}), false)
  assert.equal(broken?.['correlationId'], 'a\ufffd')
})

test('pino writes it once, also where a mixin gives it to the lines of others', async () => {
  await using w = world()
  const lines: string[] = []
  const logger = pino(
    {
      level: 'debug',
      mixin: (_line, _level, log) =>
        'correlationId' in log.bindings() ? {} : { correlationId: currentCorrelation()?.correlationId },
    },
    { write: line => lines.push(line) },
  )
  const { bus, reports } = w.service({ logger })
  bus.use(logging(), correlation())
  bus.subscribe(Thing, (_, context) => {
    context.logger.info('by its logger')
    logger.info('by another')
  })
  await bus.start()
  await within(() => bus.publish(Thing, { id: 'a' }))
  await until(() => reports.length === 1, 'its end')
  const counted = lines
    .slice(lines.findIndex(line => line.includes('published')))
    .map(line => line.split('"correlationId":"request-1"').length - 1)
  assert.deepEqual(counted, [1, 1, 1, 1], lines.join(''))
})

test.run()
