import type { BusHealth } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deferred } from '../support/assertions.js'
import { type Service, Thing, until, type World, world } from '../support/failure-world.js'

const test = suite('health of streams whose state is being restored')
const health = { stalledAfterMs: 60_000 }
const changelog = 'service.counts.changelog'

function counting(w: World): Service {
  const service = w.service({ health })
  service.bus.stream(Thing).groupByKey().count({ store: 'counts' })
  return service
}

/** An instance that is gone again, and has left so many records in the changelog. */
async function counted(w: World, count: number): Promise<void> {
  const { bus } = counting(w)
  await bus.start()
  for (let id = 0; id < count; id++) await bus.publish(Thing, { id: String(id) })
  await w.advanceUntil(() => w.committed('service') === count, 'the counts')
  const closing = bus.close()
  await w.runtime.advance(1_000)
  await closing
}

/** Reads changelogs of one more instance record by record: each waits until the test lets it go. */
function slowly(w: World): Service & { readonly taken: number; letGo(): void; letAllGo(): void } {
  const service = counting(w)
  const { transport } = service
  const read = transport.read.bind(transport)
  const waiting: (() => void)[] = []
  let isSlow = true
  let taken = 0
  transport.read = (spec, receive) =>
    read(spec, async records => {
      for (const record of records) {
        if (isSlow && spec.topic === changelog) await new Promise<void>(resolve => waiting.push(resolve))
        await receive([record])
        taken += 1
      }
    })
  const letGo = () => waiting.shift()?.()
  return {
    ...service,
    get taken() {
      return taken
    },
    letGo,
    letAllGo() {
      isSlow = false
      letGo()
    },
  }
}

function partitionOf({ partitions }: BusHealth) {
  return partitions.find(({ topic }) => topic === 'things')
}

test('a restoration that takes long and goes on is no stall', async () => {
  await using w = world()
  await counted(w, 5)
  const restoring = slowly(w)
  const { bus, letGo } = restoring
  await bus.start()
  await bus.publish(Thing, { id: 'more' })
  await until(() => w.committed('service') === 5, 'the assignment')
  await bus.health()
  for (let step = 1; step <= 5; step++) {
    await w.runtime.advance(50_000)
    const seen = await bus.health()
    const { isHeld, isRestoring, lag, waitingMs } = partitionOf(seen) ?? {}
    assert.equal(
      [seen.status, isHeld, isRestoring, lag, waitingMs],
      ['green', true, true, 1, 50_000],
      `step ${step}: ${JSON.stringify(seen.problems)}`,
    )
    letGo()
    await until(() => restoring.taken === step, 'the record of the changelog')
  }
  await w.advanceUntil(() => w.committed('service') === 6, 'the record that waited')
  assert.equal([(await bus.health()).status, partitionOf(await bus.health())?.isRestoring], ['green', false])
})

test('a restoration that stands still is red after the time, with the reason, whether records wait or not', async () => {
  for (const lag of [0, 1]) {
    await using w = world()
    await counted(w, 3)
    const restoring = slowly(w)
    const { bus, transport, letGo, letAllGo } = restoring
    await bus.start()
    if (lag > 0) await bus.publish(Thing, { id: 'more' })
    await bus.health()
    await w.runtime.advance(50_000)
    letGo()
    await until(() => restoring.taken === 1, 'the record of the changelog')
    const sinceMs = w.runtime.now()
    await w.runtime.advance(59_000)
    assert.equal((await bus.health()).problems, [])
    await w.runtime.advance(6_000)
    const red = await bus.health()
    assert.is(red.status, 'red')
    assert.equal(red.problems, [
      {
        kind: 'stalled',
        what: 'state of partition 0 of group service',
        reason: 'its state is being restored, and has made no progress for 65 s',
        sinceMs,
        group: 'service',
        partition: 0,
      },
    ])
    assert.equal([partitionOf(red)?.lag, partitionOf(red)?.isRestoring], [lag, true])
    const { positions } = transport
    transport.positions = () => Promise.reject(new Error('nobody there'))
    assert.equal(
      (await bus.health()).problems.map(({ kind }) => kind),
      ['stalled', 'broker'],
      'also while the broker does not say where the group stands',
    )
    transport.positions = positions
    letAllGo()
    await w.advanceUntil(() => w.committed('service') === 3 + lag, 'the rest')
    await until(() => restoring.taken === 3, 'the end of the changelog')
    await w.runtime.advance(100)
    assert.equal((await bus.health()).problems, [])
  }
})

test('a changelog that is not answered before the first record is processed is red, too', async () => {
  await using w = world()
  const { bus, transport } = counting(w)
  await bus.start()
  await w.runtime.advance(1_000)
  assert.is(partitionOf(await bus.health())?.isRestoring, false)
  const read = transport.read.bind(transport)
  let answer = () => {}
  const answered = new Promise<void>(resolve => {
    answer = resolve
  })
  let asked = false
  transport.read = async (spec, receive) => {
    asked = true
    await answered
    return read(spec, receive)
  }
  await bus.publish(Thing, { id: 'first' })
  await until(() => asked, 'the question')
  await w.runtime.advance(60_000)
  const { problems } = await bus.health()
  assert.equal(
    problems.map(({ kind, reason }) => [kind, reason]),
    [['stalled', 'its state is being restored, and has made no progress for 60 s']],
  )
  answer()
  await w.advanceUntil(() => w.committed('service') === 1, 'the record')
  assert.is((await bus.health()).status, 'green')
})

test('what is held up after its state has been restored is a stall again', async () => {
  await using w = world()
  await counted(w, 1)
  const { bus, transport } = w.service({ health })
  let isProcessing = false
  bus
    .stream(Thing)
    .groupByKey()
    .count({ store: 'counts' })
    .toStream()
    .forEach(() => {
      isProcessing = true
    })
  // Processed, and never committed: its acknowledgements get lost.
  const subscribe = transport.subscribe.bind(transport)
  transport.subscribe = (spec, deliver) =>
    subscribe(spec, batch =>
      deliver({
        ...batch,
        deliveries: batch.deliveries.map(delivery => ({ ...delivery, settle: () => true })),
      }),
    )
  await bus.start()
  await bus.publish(Thing, { id: 'more' })
  await until(() => isProcessing, 'the operator')
  await bus.health()
  await w.runtime.advance(60_000)
  const { problems } = await bus.health()
  assert.equal(
    problems.map(({ what, reason }) => [what, reason]),
    [['partition things/0 of group service', '1 record waits, and none has been committed for 60 s']],
  )
})

test('a partition that came back while an operator has not returned is red with that reason', async () => {
  await using w = world()
  const { bus } = w.service({ health })
  const returned = deferred()
  let calls = 0
  const work = bus.stream(Thing).groupByKey().count({ store: 'counts' }).toStream()
  work.forEach(async () => {
    calls += 1
    if (calls === 1) await returned.promise
  })
  await bus.start()
  await bus.publish(Thing, { id: 'first' })
  await until(() => calls === 1, 'the operator')
  const rebalancing = w.broker.rebalance('service')
  await w.runtime.advance(1_000)
  await rebalancing
  await w.runtime.advance(60_000)
  const { problems } = await bus.health()
  assert.equal(
    problems.map(({ kind, what, reason }) => [kind, what, reason]),
    [
      [
        'stalled',
        'state of partition 0 of group service',
        'it waits for an operator that was running when the partition moved away, and has not returned for 61 s',
      ],
    ],
  )
  returned.resolve()
  await w.advanceUntil(() => w.committed('service') === 1, 'the record')
  assert.is((await bus.health()).status, 'green')
})

test.run()
