import assert from 'node:assert/strict'
import { defineError, DeclaredError } from '../../declared-error.js'
import { BusbarError } from '../../error.js'
import { defineRequest, type RequestDefinition } from '../../request.js'
import type { ConformanceCase } from '../conformance-case.js'
import { Gate, pause } from '../waiting.js'
import type { World } from '../world.js'

interface Question {
  readonly n: number
}

interface Answer {
  readonly n: number
  readonly by: string
}

const OddNumber = defineError<{ readonly n: number }>('OddNumber')

/** A request on a topic of its own. */
function question(world: World): RequestDefinition<Question, Question, Answer, Answer> {
  const name = world.name('request')
  return defineRequest<Question, Answer>(name, { topic: { name, partitions: 4 }, errors: { OddNumber } })
}

/** Wolverine's request/reply: every request ends in its own reply, its error, or its timeout. */
export const requestCases: readonly ConformanceCase[] = [
  {
    name: 'request and reply',
    requires: ['read'],
    async run(world) {
      const request = question(world)
      const responder = world.bus()
      responder.reply(request, ({ n }) => ({ n: n * 2, by: responder.name }))
      const requester = world.bus()
      await world.within('starting', Promise.all([responder.start(), requester.start()]))
      const answer = await world.within('the reply', requester.request(request, { n: 21 }))
      assert.deepEqual(answer, { n: 42, by: responder.name })
    },
  },
  {
    name: 'a request without a responder times out',
    requires: ['read'],
    async run(world) {
      const request = question(world)
      const bus = world.bus()
      await world.within('starting', bus.start())
      const error = await world.rejects('a request to nobody', bus.request(request, { n: 1 }, { timeoutMs: 150 }), 'REQUEST_TIMEOUT')
      assert.equal(error.retryable, true)
    },
  },
  {
    name: 'a request ends when its caller aborts',
    requires: ['read'],
    async run(world) {
      const request = question(world)
      const bus = world.bus()
      const called = new Gate()
      bus.reply(request, () => {
        called.open()
        return new Promise<Answer>(() => {})
      })
      await world.within('starting', bus.start())
      const aborter = new AbortController()
      const asking = bus.request(request, { n: 1 }, { signal: aborter.signal })
      asking.catch(() => {})
      await world.within('the request arrived', called.opened)
      aborter.abort()
      await world.rejects('an aborted request', asking, 'ABORTED')
      await world.within('closing', bus.close({ timeoutMs: 50 }))
    },
  },
  {
    name: 'errors of a responder arrive: the declared as themselves, others as remote failures',
    requires: ['read'],
    async run(world) {
      const request = question(world)
      const bus = world.bus()
      let calls = 0
      bus.reply(request, ({ n }) => {
        calls += 1
        if (n % 2 === 1) throw new OddNumber({ n }, `${n} is odd`)
        throw new Error('out of order')
      })
      await world.within('starting', bus.start())
      const declared = await world.rejects('a request that is refused', bus.request(request, { n: 3 }), 'DECLARED')
      assert(declared instanceof OddNumber && declared instanceof DeclaredError)
      assert.deepEqual([declared.data, declared.message], [{ n: 3 }, '3 is odd'])
      const remote = await world.rejects('a request whose handler fails', bus.request(request, { n: 2 }), 'REMOTE_FAILED')
      assert.match(remote.message, /out of order/)
      // A failed request was answered: nobody runs it again.
      await world.rejects('one more', bus.request(request, { n: 5 }), 'DECLARED')
      assert.equal(calls, 3)
    },
  },
  {
    name: 'correlation: 64 requests at a time by two requesters to two responders, each gets its own reply',
    requires: ['read'],
    async run(world) {
      const request = question(world)
      const group = world.name('responders')
      const responders = [0, 1].map(() => world.bus())
      for (const bus of responders) {
        bus.reply(request, { group }, async ({ n }) => {
          // Replies overtake each other.
          await pause((n * 7) % 13)
          return { n: n * 10, by: bus.name }
        })
        await world.within('starting', bus.start())
      }
      const requesters = [world.bus(), world.bus()]
      await world.within('starting', Promise.all(requesters.map(bus => bus.start())))
      const asking = requesters.flatMap((bus, index) =>
        Array.from({ length: 32 }, async (_, call) => {
          const n = index * 1_000 + call
          const answer = await bus.request(request, { n })
          assert.equal(answer.n, n * 10, 'a request got the reply to another')
          return answer.by
        }),
      )
      const by = new Set(await world.within('every reply', Promise.all(asking)))
      for (const name of by) assert(responders.some(bus => bus.name === name))
    },
  },
  {
    name: 'one of several responders in a group answers, and one of each group',
    requires: ['read'],
    async run(world) {
      const request = question(world)
      const groups = [world.name('one'), world.name('other')]
      let calls = 0
      for (const group of [...groups, ...groups]) {
        const bus = world.bus()
        bus.reply(request, { group }, ({ n }) => {
          calls += 1
          return { n, by: group }
        })
        await world.within('starting', bus.start())
      }
      const requester = world.bus()
      await world.within('starting', requester.start())
      const outcomes: string[] = []
      await world.within(
        'both replies',
        new Promise<void>((resolve, reject) => {
          requester.requestMany(request, { n: 1 }, { count: 2 }).subscribe({
            next: outcome => outcomes.push(outcome.ok ? outcome.reply.by : outcome.error.code),
            error: reject,
            complete: resolve,
          })
        }),
      )
      assert.deepEqual(outcomes.sort(), [...groups].sort())
      assert.equal(calls, 2)
    },
  },
  {
    name: 'a responder leaves and another joins: every request ends, none in the reply of another',
    requires: ['read'],
    async run(world) {
      const request = question(world)
      const group = world.name('responders')
      const respond = async () => {
        const bus = world.bus()
        bus.reply(request, { group }, ({ n }) => ({ n: n * 10, by: bus.name }))
        await world.within('starting', bus.start())
        return bus
      }
      const first = await respond()
      const requester = world.bus()
      await world.within('starting', requester.start())
      const asked: Promise<void>[] = []
      let stop = false
      let replies = 0
      const asking = (async () => {
        for (let n = 0; !stop; n += 1) {
          asked.push(
            requester.request(request, { n }).then(
              answer => {
                replies += 1
                assert.equal(answer.n, n * 10, 'a request got the reply to another')
              },
              thrown => assert(thrown instanceof BusbarError && thrown.code === 'REQUEST_TIMEOUT', String(thrown)),
            ),
          )
          await pause(2)
        }
      })()
      const goesOn = async (what: string) => {
        const enough = replies + 20
        await world.until(`replies ${what}`, () => replies >= enough, () => replies)
      }
      try {
        await goesOn('at first')
        await respond()
        await goesOn('after one joined')
        await world.within('leaving', first.close())
        await goesOn('after one left')
      } finally {
        stop = true
      }
      await asking
      await world.within('the end of every request', Promise.all(asked))
    },
  },
]
