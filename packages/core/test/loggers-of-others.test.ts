import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { BusbarError, type Logger, logging, type MessageFirstLogger, messageFirst } from '@busbar/core'
import { expectTypeOf } from 'expect-type'
import { pino } from 'pino'
import { suite } from 'uvu'
import winston from 'winston'
import { Thing, world } from './support/failure-world.js'

const test = suite('pino, winston and other loggers')

type Line = Record<string, unknown>

/** A stream, and the lines of JSON that were written to it. */
function sink(): { stream: Writable; lines: Line[] } {
  const lines: Line[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line) as Line)
      done()
    },
  })
  return { stream, lines }
}

function withPino(redact: string[] = []): { logger: Logger; lines: Line[] } {
  const { stream, lines } = sink()
  const options = { level: 'debug', base: null, timestamp: false, redact } as const
  return { logger: pino(options, stream), lines }
}

function withWinston(): { logger: Logger; lines: Line[] } {
  const { stream, lines } = sink()
  const transports = [new winston.transports.Stream({ stream })]
  const { json, errors, splat, combine } = winston.format
  const format = combine(errors({ stack: true }), splat(), json())
  return { logger: messageFirst(winston.createLogger({ level: 'debug', format, transports })), lines }
}

/** What a bus writes, by way of a logger, while one record is handled, one tried again, and one becomes a dead letter. */
async function busLines({ logger, lines }: { logger: Logger; lines: Line[] }): Promise<Line[]> {
  await using w = world()
  const { bus, reports } = w.service({ logger })
  bus.use(logging({ payload: true }))
  bus.subscribe(Thing, { group: 'readers' }, ({ id }, { attempt, logger: own }) => {
    if (id === 'again' && attempt === 1) throw new Error('not yet', { cause: new Error('the disk is full') })
    if (id === 'bad') throw new BusbarError('PAYLOAD_INVALID', 'this one is bad')
    own.info({ note: 1 }, 'from the handler')
  })
  await bus.start()
  for (const id of ['good', 'again', 'bad']) await bus.publish(Thing, { id, key: `key of ${id}` }, { id })
  await w.advanceUntil(() => reports.length === 3, 'three ends')
  return lines
}

for (const [name, make] of [
  ['pino', withPino],
  ['winston', withWinston],
] as const) {
  test(`${name}: lines of a delivery hold what it is known by, from the bus and from its handler`, async () => {
    const lines = await busLines(make())
    const textOf = (line: Line) => line['message'] ?? line['msg']
    const of = (text: string, id: string) => {
      const line = lines.find(each => textOf(each) === text && each['id'] === id)
      assert.ok(line, `${text}: ${JSON.stringify(lines)}`)
      return line
    }
    const known = ({ event, group, subscription, attempt }: Line) => [event, group, subscription, attempt]
    const place = ['thing', 'readers', 'readers/thing']
    assert.deepEqual(known(of('from the handler', 'good')), [...place, 1])
    assert.equal(of('from the handler', 'good')['note'], 1)
    assert.deepEqual(known(of('handler failed: it is tried again', 'again')), [...place, 1])
    assert.deepEqual(known(of('delivery done', 'again')), [...place, 2])
    assert.deepEqual(of('delivery done', 'good')['payload'], { id: 'good', key: 'key of good' })
    assert.equal(of('delivery dead-lettered', 'bad')['outcome'], 'dead-lettered')
  })

  test(`${name}: neither the stack nor the cause of an error is lost, and its code is there`, async () => {
    const lines = await busLines(make())
    const failures = lines.filter(line => 'err' in line).map(line => line['err'] as Line)
    const [again, bad] = failures
    assert.equal(failures.length, 2)
    assert.match(String(again?.['message']), /^not yet/)
    assert.match(String(again?.['stack']), /not yet\n +at .*loggers-of-others/)
    assert.match(JSON.stringify(again), /the disk is full\\n +at .*loggers-of-others/)
    assert.equal(bad?.['code'], 'PAYLOAD_INVALID')
  })
}

test('pino redacts in payloads, since they are objects', async () => {
  const lines = await busLines(withPino(['payload.key', '*.secret']))
  const payloads = lines.filter(line => 'payload' in line).map(line => line['payload'] as Line)
  assert.equal(payloads.length, 6)
  assert.ok(payloads.every(payload => payload['key'] === '[Redacted]' && payload['id'] !== '[Redacted]'))
  assert.doesNotMatch(JSON.stringify(lines), /key of/)
})

test('messageFirst takes the console, a logger that says log for info, and children of children', () => {
  const calls: unknown[][] = []
  const keep =
    (method: string) =>
    (...line: unknown[]) =>
      calls.push([method, ...line])
  const nest = { log: keep('log'), debug: keep('debug'), warn: keep('warn'), error: keep('error') }
  const logger = messageFirst(nest)
  logger.debug('plain')
  logger.info({ n: 1 }, 'text')
  logger.warn({ only: 'fields' })
  logger.child({ a: 1 }).child({ b: 2, a: 3 }).error({ c: 4 }, 'child')
  assert.deepEqual(calls, [
    ['debug', 'plain'],
    ['log', 'text', { n: 1 }],
    ['warn', '', { only: 'fields' }],
    ['error', 'child', { a: 3, b: 2, c: 4 }],
  ])
  messageFirst(console).debug({ n: 1 }, 'a console fits')
})

test('methods keep their logger, and errors whatever caused them: in circles, in lists, and what is no error', () => {
  class Counting {
    readonly given: { text: string; fields: { err: Line } }[] = []
    debug() {}
    info() {}
    warn() {}
    error(text: string, fields?: object) {
      this.given.push({ text, fields: fields as { err: Line } })
    }
  }
  const counting = new Counting()
  const errOf = (err: Error): Line => {
    messageFirst(counting).error({ err }, 'text')
    const given = counting.given.pop()
    assert.ok(given)
    JSON.stringify(given)
    return given.fields.err
  }
  const loop = new Error('first', { cause: new Error('second') })
  ;(loop.cause as Error).cause = loop
  assert.deepEqual((errOf(loop)['cause'] as Line)['cause'], 'first')
  const many = errOf(new AggregateError([new TypeError('one'), { payload: 'hidden' }], 'many'))
  const [one, other] = many['errors'] as [Line, string]
  assert.deepEqual([one['name'], one['message'], other], ['TypeError', 'one', 'a thrown object'])
  assert.equal(errOf(new Error('x', { cause: 'text' }))['cause'], 'text')
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', detail: 'Key (email)=(ada)' })
  assert.equal(errOf(refused)['code'], 'ECONNREFUSED')
  assert.equal('detail' in errOf(refused), false)
})

test('types: pino fits as it is; winston and the console by messageFirst, and what has no levels does not', () => {
  expectTypeOf<pino.Logger>().toExtend<Logger>()
  expectTypeOf<winston.Logger>().toExtend<MessageFirstLogger>()
  expectTypeOf<Console>().toExtend<MessageFirstLogger>()
  expectTypeOf(messageFirst).returns.toEqualTypeOf<Logger>()
  // @ts-expect-error it has no warn
  const incomplete: MessageFirstLogger = { info: () => {}, debug: () => {}, error: () => {} }
  assert.ok(incomplete)
})

test.run()
