import {
  type BusbarError,
  correlation,
  defineEvent,
  filter,
  idempotent,
  logging,
  memoryStore,
  retry,
} from '@busbar/core'
import { openTelemetry } from '@busbar/core/opentelemetry'
import { metrics } from '@busbar/core/prometheus'
import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from '../support/assertions.js'
import { testBus } from '../support/bus.js'

const test = suite('what streams with a state do not take')

const Clicked = defineEvent<string>('clicked')

for (const [option, value] of Object.entries({
  use: [retry()],
  name: 'clicks',
  concurrency: 5,
  maxInFlight: 5,
  onFailure: 'hand-back',
})) {
  test(`option "${option}" is refused, and kept for streams without a state`, () => {
    const { bus } = testBus()
    const stream = bus.stream(Clicked, { group: 'stats', [option]: value })
    for (const make of [
      () => stream.keyed(),
      () => stream.groupByKey(),
      () => stream.groupBy(page => page, { name: 'pages' }),
    ])
      assert.match(
        throws(make, 'CONFIG_INVALID').message,
        new RegExp(`stream of clicked: option "${option}" `),
      )
    stream.subscribe().unsubscribe()
  })
}

test('options that are not given are not refused', () => {
  const { bus } = testBus()
  const options = { group: 'stats', from: 'latest', name: undefined, use: undefined } as const
  bus.stream(Clicked, options as { readonly group: string }).keyed()
})

for (const middleware of [filter(() => true), idempotent(memoryStore())]) {
  test(`${middleware.name} of the bus decides which records count: the start is refused`, async () => {
    const { bus } = testBus()
    bus.stream(Clicked, { group: 'stats' }).groupByKey().count({ store: 'counts' })
    bus.use(middleware)
    const error = await bus.start().catch((thrown: unknown) => thrown)
    assert.is((error as BusbarError).code, 'CONFIG_INVALID')
    assert.match((error as BusbarError).message, new RegExp(`group stats: middleware "${middleware.name}"`))
    await bus.close()
  })
}

test('the log names other middleware of the bus that does not run', async () => {
  const { bus, lines } = testBus()
  bus.stream(Clicked, { group: 'stats' }).groupByKey().count({ store: 'counts' })
  bus.use(retry(), function timed(_context, next) {
    return next()
  })
  bus.use({ name: 'stamped', publish: (_context, next) => next() })
  await bus.start()
  const warnings = lines.filter(({ level, message }) => level === 'warn' && /does not run/.test(message))
  assert.equal(
    warnings.map(({ fields }) => [fields['group'], fields['middleware']]),
    [['stats', ['timed']]],
  )
  await bus.close()
})

test('nothing is said of what only observes, unless it has a layer that does not run', async () => {
  const { bus, lines } = testBus()
  const layer = (_context: unknown, next: () => Promise<void>) => next()
  bus.stream(Clicked, { group: 'stats' }).groupByKey().count({ store: 'counts' })
  bus.use(correlation(), logging(), openTelemetry(), metrics(new Registry()))
  bus.use({ name: 'seen', observes: true, event: layer })
  bus.use({ name: 'timed', attempt: layer })
  await bus.start()
  assert.equal(
    lines.filter(({ message }) => /does not run/.test(message)).map(({ fields }) => fields['middleware']),
    [['seen', 'timed']],
  )
  await bus.close()
})

for (const [what, acts] of Object.entries({
  stage: { stage: 'retry' },
  reruns: { reruns: true },
  abandons: { abandons: true },
  returnTopics: { returnTopics: () => [] },
  'abandons" behind a "reruns" that is false': { reruns: false, abandons: true },
} as const)) {
  test(`what says that it only observes cannot have "${what}"`, () => {
    const { bus } = testBus()
    const record = (_context: unknown, next: () => Promise<void>) => next()
    const error = throws(() => bus.use({ name: 'both', observes: true, record, ...acts }), 'CONFIG_INVALID')
    assert.match(error.message, /middleware "both" says that it only observes/)
  })
}

test('nothing is said where no stream has a state', async () => {
  const { bus, lines } = testBus()
  bus.use(filter(() => true))
  bus.subscribe(Clicked, () => {})
  await bus.start()
  assert.equal(
    lines.filter(({ level }) => level === 'warn'),
    [],
  )
  await bus.close()
})

test.run()
