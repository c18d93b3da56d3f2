import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import type { RequestPeerOptions } from './programs/request-peer.js'
import { type AskResult, askAll, echoRequest, ended, nothingAsked } from './support/echo.js'
import { startProgram } from './support/program.js'
import { kafkaBus } from './support/scenario.js'

const test = suite('requests while instances come and go')
const kafka = await kafkaForTests()

if (kafka !== undefined) {
  const { brokers } = kafka

  test('each request ends in its own reply or its timeout, none in another', async () => {
    const [topic, replyTopic, group] = [uniqueName('echo'), uniqueName('replies'), uniqueName('responders')]
    const Echo = echoRequest(topic)
    const consumer = { sessionTimeout: 1_500, heartbeatInterval: 200 }
    const peer = (name: string, more: Partial<RequestPeerOptions>) =>
      startProgram('request-peer', {
        brokers,
        name,
        topic,
        replyTopic,
        group,
        answers: false,
        ...more,
      } satisfies RequestPeerOptions)
    const busOf = (name: string) => kafkaBus(brokers, { name, requests: { replyTopic } }, { consumer })
    const answering = (name: string) => {
      const made = busOf(name)
      made.bus.reply(Echo, { group }, async ({ from, number }) => {
        await sleep(number % 10)
        return { from, number, by: name }
      })
      return made
    }

    // Two responders, one of them a process of its own, and two requesters, likewise.
    const firstResponder = answering('responder-1')
    await firstResponder.bus.start()
    await using secondResponder = peer('responder-2', { answers: true })
    await secondResponder.message('ready')
    const firstRequester = busOf('requester-1')
    await firstRequester.bus.start()
    const load = { atATime: 5, timeoutMs: 6_000 }
    const [enough, leavingOver] = [new AbortController(), new AbortController()]
    const [firstResult, leavingResult] = [nothingAsked(), nothingAsked()]
    const asks = { enough: enough.signal, ...load }
    await using secondRequester = peer('requester-2', { asks: load })
    await secondRequester.message('ready')
    const firstAsked = askAll(firstRequester.bus, Echo, { from: 'requester-1', ...asks }, firstResult)
    const more = async (result: AskResult) => {
      const own = result.own + 50
      await eventually(() => assert.ok(result.own >= own, JSON.stringify(result)), { timeoutMs: 15_000 })
    }
    await more(firstResult)

    // One of each leaves, another of each joins, and a responder is killed.
    await using thirdResponder = peer('responder-3', { answers: true })
    await thirdResponder.message('ready')
    await firstResponder.bus.close()
    await using thirdRequester = peer('requester-3', { asks: load })
    await thirdRequester.message('ready')
    const leaving = busOf('requester-4')
    await leaving.bus.start()
    const leavingAsked = askAll(
      leaving.bus,
      Echo,
      { from: 'requester-4', ...asks, enough: leavingOver.signal },
      leavingResult,
    )
    await more(leavingResult)
    await secondResponder.kill()
    leavingOver.abort()
    await leaving.bus.close()
    await more(firstResult)
    enough.abort()
    for (const requester of [secondRequester, thirdRequester]) requester.tell('enough')

    const results: [string, AskResult][] = [
      ['requester-1', await deadline(10_000, 'requester-1', firstAsked)],
      ['requester-2', await secondRequester.message('asked', 10_000)],
      ['requester-3', await thirdRequester.message('asked', 10_000)],
      ['requester-4', await deadline(10_000, 'requester-4', leavingAsked)],
    ]
    await Promise.all([
      firstRequester.bus.close(),
      secondRequester.close(),
      thirdRequester.close(),
      thirdResponder.close(),
    ])

    for (const [name, result] of results) {
      const text = `${name}: ${JSON.stringify(result)}`
      assert.equal(result.wrong, 0, text)
      assert.equal(ended(result), result.asked, text)
      const allowed = name === 'requester-4' ? ['REQUEST_TIMEOUT', 'BUS_CLOSED'] : ['REQUEST_TIMEOUT']
      assert.deepEqual(
        Object.keys(result.failed).filter(code => !allowed.includes(code)),
        [],
        text,
      )
    }
    const all = results.map(([, result]) => result)
    // Requests outlast the session timeout: at most those that were out when the responder died have no reply.
    const timeouts = all.reduce((sum, { failed }) => sum + (failed['REQUEST_TIMEOUT'] ?? 0), 0)
    assert.ok(timeouts <= 15, `${timeouts} requests had no reply: ${JSON.stringify(all)}`)
    for (const name of ['responder-1', 'responder-2', 'responder-3']) {
      assert.ok(
        all.some(({ by }) => (by[name] ?? 0) > 0),
        `${name} answered nothing`,
      )
    }
    assert.deepEqual(firstResponder.logger.complaints, [])
    assert.deepEqual(firstRequester.logger.complaints, [])
  })
}

test.run()
