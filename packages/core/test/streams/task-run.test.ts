import {
  BusbarError,
  type Delivery,
  type DeliveryBatch,
  type DeliveryReport,
  type InboundRecord,
  type Middleware,
  memoryState,
  type Outcome,
  type RecordPosition,
  silentLogger,
  systemRuntime,
} from '@busbar/core'
import { deadline, eventually } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Observers } from '../../dist/stream/observers.js'
import { TaskRun } from '../../dist/stream/task-run.js'
import { Topology } from '../../dist/stream/topology.js'

const test = suite('one ownership of a partition number')

const bytes = (text: string) => Buffer.from(text)
const text = (given: Uint8Array | null | undefined) => Buffer.from(given ?? []).toString()

function inbound(topic: string, offset: number, value: string, timestampMs = 0): InboundRecord {
  return { topic, partition: 0, offset, key: bytes('k'), value: bytes(value), headers: {}, timestampMs }
}

/** The topics of what is stored with an acknowledgement. */
function topicsOf(outcome: Outcome | undefined): string[] {
  const records = outcome?.kind === 'ack' ? outcome.effects?.records : []
  return (records ?? []).map(({ topic }) => topic)
}

/** A run of one operator that appends what comes to what its store has, over a changelog that others write as well. */
function opened(
  options: {
    readonly fail?: (value: string) => void
    readonly read?: () => void
    readonly onTrouble?: (reason: string | undefined) => void
    readonly use?: readonly Middleware[]
  } = {},
) {
  const changelog: InboundRecord[] = []
  const reports: DeliveryReport[] = []
  const topology = new Topology('g')
  const spec = { name: 's', state: memoryState(), changelog: 'g.s.changelog', like: 'in' }
  topology.addStore(spec)
  for (const topic of ['in', 'other']) {
    topology.addSource({
      topic,
      event: topic,
      envelopeOf: ({ offset }) => ({ id: String(offset), type: topic, source: '' }),
      timeOf: ({ timestampMs }) => timestampMs,
      process: async (record, scope) => {
        const store = scope.store('s')
        const before = text(await store.get(bytes('k')))
        store.put(bytes('k'), bytes(`${before}${text(record.value)}`))
        options.fail?.(text(record.value))
      },
    })
  }
  const run = new TaskRun({
    topology,
    partition: 0,
    runtime: systemRuntime,
    logger: silentLogger,
    partitionsOf: () => 1,
    observers: new Observers({
      topology,
      middleware: options.use ?? [],
      runtime: systemRuntime,
      logger: silentLogger,
      ensureOwnTopic: async () => {},
      onDelivery: () => report => void reports.push(report),
    }),
    deadLetter: ({ record }) => ({ topic: { name: 'dead' }, record: { ...record, topic: 'dead' } }),
    ensureOwnTopic: async () => {},
    onDropped: () => {},
    onTrouble: reason => options.onTrouble?.(reason),
    after: Promise.resolve(),
    transport: {
      read: async ({ from }, receive) => {
        options.read?.()
        const records = changelog.slice(from === 'earliest' ? 0 : Number(from))
        if (records.length > 0) await receive(records)
        return { closed: Promise.resolve(), [Symbol.asyncDispose]: async () => {} }
      },
    },
  })
  return { run, changelog, reports }
}

function batchOf(records: readonly InboundRecord[], signal: AbortSignal) {
  const outcomes: Outcome[] = []
  const deliveries = records.map(
    (record): Delivery => ({
      record,
      attempt: 1,
      settle: outcome => {
        if (signal.aborted) return false
        outcomes.push(outcome)
        return true
      },
    }),
  )
  const batch: DeliveryBatch = { topic: records[0]?.topic ?? '', partition: 0, deliveries, signal }
  return { batch, outcomes }
}

function lastChange(outcomes: readonly Outcome[]): string {
  const last = outcomes.at(-1)
  const records = last?.kind === 'ack' ? (last.effects?.records ?? []) : []
  return text(records.at(-1)?.value)
}

test('what the holder before has committed after the stores were read is read before the first record', async () => {
  const { run, changelog } = opened()
  changelog.push(inbound('g.s.changelog', 0, 'a'))
  await deadline(1_000, 'restoring', run.restored)
  changelog.push(inbound('g.s.changelog', 1, 'ab'))
  const { batch, outcomes } = batchOf([inbound('in', 0, 'c')], new AbortController().signal)
  await run.deliver(batch)
  await eventually(() => assert.is(outcomes.length, 1))
  assert.is(lastChange(outcomes), 'abc')
  await run.end()
})

test('trouble with restoring is over when it is restored, whether or not a record comes', async () => {
  const told: (string | undefined)[] = []
  let failures = 1
  const { run } = opened({
    read: () => {
      if (failures-- > 0) throw new BusbarError('CONNECTION_FAILED', 'for now')
    },
    onTrouble: reason => void told.push(reason),
  })
  await deadline(2_000, 'restoring', run.restored)
  assert.equal(told, ['for now', undefined])
  await run.end()
})

test('a store answers with what is committed, and nothing else', async () => {
  const { run } = opened()
  const { batch, outcomes } = batchOf(
    [inbound('in', 0, 'a'), inbound('in', 1, 'b')],
    new AbortController().signal,
  )
  await run.deliver(batch)
  await eventually(() => assert.is(outcomes.length, 2))
  const stored = async () => text(await run.store('s')?.committed(bytes('k')))
  assert.is(await stored(), '')
  const position: RecordPosition = { topic: 'g.s.changelog', partition: 0, offset: 0 }
  const [first] = outcomes
  if (first?.kind === 'ack') first.effects?.onCommitted?.([position])
  await eventually(async () => assert.is(await stored(), 'a'))
  // What is not committed still lies over it.
  const third = batchOf([inbound('in', 2, 'c')], new AbortController().signal)
  await run.deliver(third.batch)
  await eventually(() => assert.is(third.outcomes.length, 1))
  assert.is(lastChange(third.outcomes), 'abc')
  await run.end()
  assert.is(run.store('s'), undefined)
})

test('of several topics the record that is the earliest in event time goes first', async () => {
  const { run } = opened()
  const { signal } = new AbortController()
  const one = batchOf([inbound('in', 0, 'b', 2), inbound('in', 1, 'd', 4)], signal)
  const other = batchOf([inbound('other', 0, 'a', 1), inbound('other', 1, 'c', 3)], signal)
  await Promise.all([run.deliver(one.batch), run.deliver(other.batch)])
  await eventually(() => assert.is(one.outcomes.length + other.outcomes.length, 4))
  assert.is(lastChange(one.outcomes), 'abcd')
  await run.end()
})

test('a record that fails has changed nothing; one that fails for good is a dead letter', async () => {
  let failures = 0
  const { run } = opened({
    fail: value => {
      if (value === 'once' && failures++ === 0) throw new Error('once')
      if (value === 'never') throw new BusbarError('PAYLOAD_INVALID', 'never')
    },
  })
  const records = ['a', 'once', 'never', 'b'].map((value, offset) => inbound('in', offset, value))
  const { batch, outcomes } = batchOf(records, new AbortController().signal)
  await run.deliver(batch)
  await eventually(() => assert.is(outcomes.length, 4))
  assert.is(lastChange(outcomes), 'aonceb')
  const letter = outcomes[2]
  assert.is(letter?.kind === 'ack' && letter.effects?.records[0]?.topic, 'dead')
  await run.end()
})

test('when the ownership ends nothing more is processed, and whoever waits for room goes on', async () => {
  const end = new AbortController()
  let processed = 0
  const { run } = opened({
    fail: () => {
      processed += 1
      if (processed === 5) end.abort()
    },
  })
  const records = Array.from({ length: 1_000 }, (_, offset) => inbound('in', offset, 'x'))
  const { batch, outcomes } = batchOf(records, end.signal)
  const welcome = run.deliver(batch)
  await deadline(1_000, 'being welcome', welcome)
  await deadline(1_000, 'closing', run.end())
  assert.equal([processed, outcomes.length], [5, 4])
  assert.ok(run.hasEnded)
})

test('stopping hands back what waits', async () => {
  const { run } = opened()
  const records = Array.from({ length: 500 }, (_, offset) => inbound('in', offset, 'x'))
  const { batch, outcomes } = batchOf(records, new AbortController().signal)
  void run.deliver(batch)
  await run.stop()
  assert.is(outcomes.length, 500)
  assert.ok(outcomes.some(({ kind }) => kind === 'nack'))
  await run.end()
})

for (const phase of ['record', 'attempt'] as const) {
  test(`who observes the phase ${phase} may fail behind its operators: the record counts once all the same`, async () => {
    let failures = 2
    const watching: Middleware = {
      name: 'watching',
      observes: true,
      [phase]: async (_: unknown, next: () => Promise<void>) => {
        await next()
        if (failures-- > 0) throw new Error('the observer')
      },
    }
    const { run, reports } = opened({ use: [watching] })
    const { batch, outcomes } = batchOf(
      ['a', 'b'].map((value, offset) => inbound('in', offset, value)),
      new AbortController().signal,
    )
    await run.deliver(batch)
    await eventually(() => assert.is(outcomes.length, 2))
    assert.is(lastChange(outcomes), 'ab')
    const again = phase === 'record' ? ['handed back', 'handed back'] : []
    assert.equal(
      reports.map(({ outcome }) => outcome),
      [...again, 'done', 'done'],
    )
    assert.equal(
      reports.map(({ attempt }) => attempt),
      phase === 'record' ? [1, 2, 3, 1] : [3, 1],
    )
    await run.end()
  })

  test(`who observes the phase ${phase} and fails before a dead letter is written does not lose it`, async () => {
    let failures = 1
    const watching: Middleware = {
      name: 'watching',
      observes: true,
      [phase]: async (_: unknown, next: () => Promise<void>) => {
        await next().catch((thrown: unknown) => {
          if (failures-- > 0) throw new Error('the observer')
          throw thrown
        })
        if (failures-- > 0) throw new Error('the observer')
      },
    }
    const { run, reports } = opened({
      use: [watching],
      fail: value => {
        if (value === 'never') throw new BusbarError('PAYLOAD_INVALID', 'never')
      },
    })
    const { batch, outcomes } = batchOf([inbound('in', 0, 'never')], new AbortController().signal)
    await run.deliver(batch)
    await eventually(() => assert.is(outcomes.length, 1))
    assert.equal(topicsOf(outcomes[0]), ['dead'])
    assert.is(reports.at(-1)?.outcome, 'dead-lettered')
    await run.end()
  })
}

test('what is told of a record that waits says who failed: an operator, or one who observes', async () => {
  const told: (string | undefined)[] = []
  const failing = new Set(['inside', 'behind it'])
  const fail = (what: string) => {
    if (failing.delete(what)) throw new Error(what)
  }
  const watching: Middleware = {
    name: 'watching',
    observes: true,
    record: async (_, next) => {
      await next()
      fail('behind it')
    },
  }
  const { run } = opened({
    use: [watching],
    fail: () => fail('inside'),
    onTrouble: reason => void (reason && told.push(reason)),
  })
  const { batch, outcomes } = batchOf([inbound('in', 0, 'a')], new AbortController().signal)
  await run.deliver(batch)
  await eventually(() => assert.is(outcomes.length, 1))
  assert.equal(told, [
    'an operator of a stream failed: inside',
    'middleware that observes a stream failed: behind it',
  ])
  await run.end()
})

test('a record that one who observes failed is handed back when its run is to stop', async () => {
  const fails: Middleware = {
    name: 'fails',
    observes: true,
    record: async (_, next) => {
      await next()
      throw new Error('the observer')
    },
  }
  const { run, reports } = opened({ use: [fails] })
  const { batch, outcomes } = batchOf([inbound('in', 0, 'a')], new AbortController().signal)
  await run.deliver(batch)
  await eventually(() => assert.is(reports.length, 1))
  await deadline(2_000, 'stopping', run.stop())
  assert.equal(outcomes, [{ kind: 'nack', untried: true }])
  assert.is(reports.length, 1)
  await run.end()
})

test('who observes and keeps a record from its operators has broken its word: the record is a dead letter', async () => {
  const { run, reports } = opened({ use: [{ name: 'keeps', observes: true, attempt: () => {} }] })
  const { batch, outcomes } = batchOf([inbound('in', 0, 'a')], new AbortController().signal)
  await run.deliver(batch)
  await eventually(() => assert.is(outcomes.length, 1))
  assert.equal(
    reports.map(({ outcome, error }) => [outcome, (error as BusbarError).code]),
    [['dead-lettered', 'MIDDLEWARE_MISUSED']],
  )
  await run.end()
})

test('who observes and hides a failure hides nothing: what the operators did counts', async () => {
  const hides: Middleware = {
    name: 'hides',
    observes: true,
    attempt: (_, next) => next().catch(() => {}),
  }
  let failures = 1
  const { run, reports } = opened({
    use: [hides],
    fail: () => {
      if (failures-- > 0) throw new Error('once')
    },
  })
  const { batch, outcomes } = batchOf([inbound('in', 0, 'a')], new AbortController().signal)
  await run.deliver(batch)
  await eventually(() => assert.is(outcomes.length, 1))
  assert.is(lastChange(outcomes), 'a')
  assert.equal(
    reports.map(({ attempt }) => attempt),
    [2],
  )
  await run.end()
})

test('what an observer forwards is stored with what the record led to', async () => {
  const record = { key: null, value: bytes('seen'), headers: {}, timestampMs: 0 }
  const forwards: Middleware = {
    name: 'forwards',
    observes: true,
    attempt: async ({ forward }, next) => {
      await next()
      await forward({ name: 'audit' }, record)
    },
  }
  const { run } = opened({ use: [forwards] })
  const { batch, outcomes } = batchOf([inbound('in', 0, 'a')], new AbortController().signal)
  await run.deliver(batch)
  await eventually(() => assert.is(outcomes.length, 1))
  assert.equal(topicsOf(outcomes[0]), ['g.s.changelog', 'audit'])
  await run.end()
})

test('what fails for good as it is to stop is handed back: it may be this process that fails', async () => {
  let stopped: Promise<void> | undefined
  const { run, reports } = opened({
    fail: () => {
      stopped = run.stop()
      throw new BusbarError('PAYLOAD_INVALID', 'never')
    },
  })
  const { batch, outcomes } = batchOf([inbound('in', 0, 'a')], new AbortController().signal)
  await run.deliver(batch)
  await eventually(() => assert.is(outcomes.length, 1))
  await stopped
  assert.equal(outcomes, [{ kind: 'nack', untried: true }])
  assert.equal(
    reports.map(({ outcome, error }) => [outcome, (error as BusbarError).code]),
    [['handed back', 'PAYLOAD_INVALID']],
  )
  await run.end()
})

test('a record that was processed when its partition moved away is handed back, and told so', async () => {
  const end = new AbortController()
  const { run, reports } = opened({ fail: () => end.abort() })
  const { batch, outcomes } = batchOf([inbound('in', 0, 'a')], end.signal)
  await run.deliver(batch)
  await eventually(() => assert.is(reports.length, 1))
  await deadline(1_000, 'closing', run.end())
  assert.equal(outcomes, [])
  assert.equal(
    reports.map(({ outcome, error }) => [outcome, (error as BusbarError).code]),
    [['handed back', 'ABORTED']],
  )
})

test.run()
