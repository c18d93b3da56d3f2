import assert from 'node:assert/strict'
import { join } from 'node:path'
import { eventually, uniqueName } from '@busbar/testkit'
import { kafkaLog } from './kafka-log.js'
import { type ServerProgram, startServer } from './server-program.js'
import type { Work, WorkServerOptions } from './work.js'
import type { Framework } from './work-servers.js'

export interface ShutdownRunOptions {
  readonly brokers: readonly string[]
  readonly framework: Framework
  /** Whether one handler never ends in the instance that is told to end. */
  readonly hangs: boolean
}

/** What came of one run, counted. */
export interface ShutdownResult {
  /** From SIGTERM to the end of the process, in milliseconds. */
  readonly tookMs: number
  /** Handlers that ran when the signal came. */
  readonly running: number
  /** Requests that were sent after the signal, and answered 201. */
  readonly acceptedLate: number
  /** Events, in the log. */
  readonly events: number
  /** Events that the first instance handled to the end. */
  readonly finished: number
  /** Those of them that the second handled as well. */
  readonly again: number
}

/** So many handlers have all of their time after the signal. */
const heldHandlers = 40

/** So many more requests are sent right after the signal. */
export const lateRequests = 20

const cases = {
  finishing: { requests: 200, closeTimeoutMs: 10_000 },
  hanging: { requests: 50, closeTimeoutMs: 2_000 },
}

/**
 * A server with 200 requests under way (50 where a handler hangs) and handlers that run is told to end; then a second
 * instance of its group takes what is left. Fails unless the first ends with 0 in time, every accepted request's event is
 * in the log, and every event is handled, and none again that was finished and could be committed.
 */
export async function shutdownRun({
  brokers,
  framework,
  hangs,
}: ShutdownRunOptions): Promise<ShutdownResult> {
  const topic = uniqueName('work')
  const group = uniqueName(framework)
  const { requests, closeTimeoutMs } = cases[hangs ? 'hanging' : 'finishing']
  const member = (isFirst: boolean) =>
    startServer(join(import.meta.dirname, '../programs/work-server.js'), {
      args: [
        JSON.stringify({
          framework,
          brokers,
          group,
          topic,
          closeTimeoutMs,
          isFirst,
        } satisfies WorkServerOptions),
      ],
    })

  await using first = await member(true)
  const works = numbered(requests, index => ({ name: `work-${index}`, workMs: 20 + ((index * 37) % 181) }))
  const waiting = works.map((work, index) =>
    post(first, { ...work, name: `later-${index}`, afterSignalMs: index * 8 }),
  )
  const countOf = (what: string) => wordsOf(first, what).length
  await eventually(() => assert.equal(countOf('waiting'), requests), { timeoutMs: 20_000 })
  const early = await Promise.all([
    ...works.map(work => post(first, work)),
    ...works
      .slice(0, heldHandlers)
      .map(work => post(first, { ...work, name: `held-${work.name}`, handler: 'held' })),
  ])
  if (hangs) await post(first, { name: 'hangs', workMs: 0, handler: 'hangs' })
  await eventually(() => assert.equal(countOf('held') + countOf('hangs'), heldHandlers + Number(hangs)), {
    timeoutMs: 20_000,
  })
  if (hangs) await Promise.all(works.map(work => post(first, { ...work, name: `behind-${work.name}` })))

  const ending = first.terminate()
  await eventually(() => assert.equal(countOf('signal'), 1))
  const late = Promise.all(
    works.slice(0, lateRequests).map(work => post(first, { ...work, name: `late-${work.name}` })),
  )
  const { code, tookMs } = await ending
  assert.equal(first.errors.replace(drainWarning, ''), '')
  assert.equal(code, 0)
  assert.ok(tookMs < closeTimeoutMs + 2_000, `it took ${tookMs} ms`)
  const [[underWay, running] = []] = wordsOf(first, 'signal')
  assert.equal(underWay, String(requests), 'requests under way at the signal')
  assert.ok(Number(running) >= heldHandlers, `${running} handlers ran at the signal`)
  const wanted = [...(await Promise.all(waiting)), ...early]
  assert.deepEqual(wanted.flatMap(refusal), [], 'requests that were under way and were not accepted')
  const acceptedLate = (await late).flatMap(idOf)

  await using log = await kafkaLog(brokers, topic)
  const events = await log.ids()
  assert.deepEqual(
    missing([...wanted.flatMap(idOf), ...acceptedLate], events),
    [],
    'accepted and not published',
  )

  await using second = await member(false)
  await eventually(async () => assert.equal(await log.lag(group), 0), { timeoutMs: 30_000, everyMs: 50 })
  assert.equal((await second.terminate()).code, 0)
  const finished = wordsOf(first, 'done').map(([id]) => id)
  const taken = wordsOf(second, 'done')
  assert.deepEqual(
    missing(events, [...finished, ...taken.map(([id]) => id)]),
    [],
    'published and not handled',
  )

  const again = taken.filter(([id]) => finished.includes(id))
  const [[, stuckAt, stuckOffset] = []] = wordsOf(first, 'hangs')
  // The position can't pass a record that is not finished: what was finished behind it in its partition comes again.
  const unexplained = again.filter(
    ([, partition, offset]) => !(partition === stuckAt && Number(offset) > Number(stuckOffset)),
  )
  assert.deepEqual(unexplained, [], 'finished, and handled again')
  return {
    tookMs,
    running: Number(running),
    acceptedLate: acceptedLate.length,
    events: events.length,
    finished: finished.length,
    again: again.length,
  }
}

/** What a bus says that had to cut a handler off. */
const drainWarning = /^.*did not drain in time: unfinished records were handed back.*\n/m

/** The id of the event, or why the request was not accepted. */
type Answer = { readonly id: string } | { readonly refused: string }

const idOf = (answer: Answer): string[] => ('id' in answer ? [answer.id] : [])
const refusal = (answer: Answer): string[] => ('refused' in answer ? [answer.refused] : [])

async function post(server: ServerProgram, work: Work): Promise<Answer> {
  try {
    const response = await fetch(`${server.url}/work`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(work),
      signal: AbortSignal.timeout(30_000),
    })
    if (response.status === 201) return (await response.json()) as { id: string }
    return { refused: `${work.name}: ${response.status} ${await response.text()}` }
  } catch (thrown) {
    return { refused: `${work.name}: ${String((thrown as Error).cause ?? thrown)}` }
  }
}

/** The lines that begin with a word, without it. */
function wordsOf(server: ServerProgram, first: string): string[][] {
  return server.lines
    .map(line => line.split(' '))
    .flatMap(([word, ...rest]) => (word === first ? [rest] : []))
}

function numbered<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

function missing(wanted: readonly string[], found: readonly (string | undefined)[]): string[] {
  const there = new Set(found)
  return wanted.filter(each => !there.has(each))
}
