import { type Bus, defineEvent } from '@busbar/core'
import { overSeeds, SeededRandom, type TestBus } from '@busbar/core/testing'
import { concatMap, delay, finalize, of } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('pipes whose processes die')

const In = defineEvent<{ n: number; key: string }>('in', { key: each => each.key })
const Out = defineEvent<{ n: number; part: number }>('out', { key: each => `k${each.n % 7}` })

const total = 1_000
/** In CI a few seeds stand for more. */
const seeds = process.env['CI'] ? 2 : 4
/** Where a process dies, of the way of a record: in its pipeline, behind it, and before and after its commit. */
const points = ['at once', 'in the pipeline', 'behind it', 'before the commit', 'after the commit'] as const

/** How often each output is in the log, over 1,000 records, two instances, and a crash at every 25th run of the pipeline. */
async function outputsUnderCrashes(t: TestBus, exactlyOnce: boolean): Promise<Map<string, number>> {
  const random = new SeededRandom(t.seed)
  let runs = 0
  let crashes = 0
  const dead = new Set<Bus>()
  const start = (): Promise<void> => {
    const bus = t.bus('pipe')
    const die = () => {
      if (dead.has(bus)) return
      dead.add(bus)
      crashes += 1
      void t.crash(bus)
      t.runtime.setTimer(1 + random.below(20), () => void start())
    }
    bus.pipe(
      In,
      { exactlyOnce, concurrency: 10, maxInFlight: 50 },
      in$ => {
        const point = ++runs % 25 === 0 ? points[(runs / 25) % points.length] : undefined
        if (point === 'at once') die()
        if (point === 'before the commit' || point === 'after the commit') {
          t.faults.crashAtCommit(point === 'before the commit' ? 'before' : 'after', died => {
            dead.add(died)
            crashes += 1
            t.runtime.setTimer(1 + random.below(20), () => void start())
          })
        }
        const pipeline$ = in$.pipe(
          concatMap(({ n }) => of({ n, part: 0 }, { n, part: 1 })),
          delay(random.below(4), virtualScheduler(t)),
        )
        if (point === 'in the pipeline') t.runtime.setTimer(1, die)
        return point === 'behind it' ? pipeline$.pipe(finalize(() => t.runtime.defer(die))) : pipeline$
      },
      Out,
    )
    return bus.start().catch(thrown => {
      if (!dead.has(bus)) throw thrown
    })
  }
  const client = t.bus('client')
  await t.clock.until(Promise.all([start(), start(), client.start()]), 'starting')
  for (let n = 0; n < total; n += 50) {
    const batch = Array.from({ length: 50 }, (_, index) => ({ n: n + index, key: `k${(n + index) % 11}` }))
    await t.clock.until(untilPublished(client, batch), 'publishing')
    await t.clock.advance(random.below(30))
  }
  await t.drain()
  assert.ok(crashes >= 20, `only ${crashes} crashes`)
  const counts = new Map<string, number>()
  for (const { value } of t.broker.records('out')) {
    const { n, part } = JSON.parse(Buffer.from(value ?? []).toString()) as { n: number; part: number }
    counts.set(`${n}.${part}`, (counts.get(`${n}.${part}`) ?? 0) + 1)
  }
  return counts
}

/** A publish that fails is made again. */
async function untilPublished(client: Bus, batch: readonly { n: number; key: string }[]): Promise<void> {
  while (
    !(await client.publishBatch(In, batch).then(
      () => true,
      () => false,
    ))
  ) {}
}

/** RxJS' timers on the clock of the test. */
function virtualScheduler(t: TestBus): import('rxjs').SchedulerLike {
  return {
    now: () => t.clock.now,
    schedule(work, delayMs = 0, state) {
      const subscription = new (class {
        closed = false
        unsubscribe() {
          this.closed = true
          timer.cancel()
        }
      })()
      const timer = t.runtime.setTimer(delayMs, () => work.call({} as never, state as never))
      return subscription as never
    },
  }
}

test('exactly once: each output is there once', () =>
  overSeeds(
    seeds,
    async t => {
      const counts = await outputsUnderCrashes(t, true)
      assert.is(counts.size, 2 * total)
      assert.equal(
        [...counts].filter(([, count]) => count !== 1),
        [],
      )
    },
    { realTimeoutMs: 0, chaos: { commitLost: 0.05, commitAnswerLost: 0.05, rebalance: 0.1 } },
  ))

test('at least once: each output is there', () =>
  overSeeds(
    seeds,
    async t => {
      const counts = await outputsUnderCrashes(t, false)
      assert.is(counts.size, 2 * total)
    },
    {
      realTimeoutMs: 0,
      chaos: { commitLost: 0.05, sendFails: 0.02, sendFailsAfterwards: 0.02, rebalance: 0.02 },
    },
  ))

test('the same seed is the same run', async () => {
  const runs: string[] = []
  const run = async (t: TestBus) => void runs.push(JSON.stringify([...(await outputsUnderCrashes(t, true))]))
  for (const _ of ['once', 'again']) await overSeeds(1, run, { realTimeoutMs: 0 })
  assert.is(runs[0], runs[1])
})

test.run()
