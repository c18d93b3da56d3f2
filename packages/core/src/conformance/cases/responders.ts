import assert from 'node:assert/strict'
import { BusbarError } from '../../error.js'
import type { ConformanceCase } from '../conformance-case.js'
import { question } from '../question.js'
import { pause } from '../waiting.js'

/** Request/reply with several on either side: whoever comes and goes, nobody gets the reply to another's request. */
export const responderCases: readonly ConformanceCase[] = [
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
              thrown =>
                assert(thrown instanceof BusbarError && thrown.code === 'REQUEST_TIMEOUT', String(thrown)),
            ),
          )
          await pause(2)
        }
      })()
      const goesOn = async (what: string) => {
        const enough = replies + 20
        await world.until(
          `replies ${what}`,
          () => replies >= enough,
          () => replies,
        )
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
