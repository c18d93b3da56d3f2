import assert from 'node:assert/strict'
import { DeclaredError } from '../../declared-error.js'
import type { ConformanceCase } from '../conformance-case.js'
import { type Answer, OddNumber, question } from '../question.js'
import { Gate } from '../waiting.js'

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
      const error = await world.rejects(
        'a request to nobody',
        bus.request(request, { n: 1 }, { timeoutMs: 150 }),
        'REQUEST_TIMEOUT',
      )
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
      const declared = await world.rejects(
        'a request that is refused',
        bus.request(request, { n: 3 }),
        'DECLARED',
      )
      assert(declared instanceof OddNumber && declared instanceof DeclaredError)
      assert.deepEqual([declared.data, declared.message], [{ n: 3 }, '3 is odd'])
      const remote = await world.rejects(
        'a request whose handler fails',
        bus.request(request, { n: 2 }),
        'REMOTE_FAILED',
      )
      assert.match(remote.message, /out of order/)
      // A failed request was answered: nobody runs it again.
      await world.rejects('one more', bus.request(request, { n: 5 }), 'DECLARED')
      assert.equal(calls, 3)
    },
  },
]
