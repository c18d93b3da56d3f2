import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineEvent } from '@busbar/core'
import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import { type KafkaBus, kafkaBus, observe } from './support/scenario.js'

const test = suite('a handler that takes longer than the session timeout')
const kafka = await kafkaForTests()

const sessionTimeout = 1_500
const handlerMs = 2 * sessionTimeout + 500
const consumer = { sessionTimeout, heartbeatInterval: 300 }

interface Run {
  readonly id: string
  readonly member: string
  readonly attempt: number
  ended: 'done' | 'aborted' | 'no'
}

if (kafka !== undefined) {
  const { brokers } = kafka

  /** A member of a group whose handlers take their time, and write down how each run went. */
  const slowMember = (topic: string, group: string, member: string, runs: Run[], settings = {}): KafkaBus => {
    const Job = defineEvent<string>('job', { topic: { name: topic, partitions: 2 }, key: id => id })
    const made = kafkaBus(brokers, { name: member }, { consumer })
    made.bus.subscribe(Job, { group, ...settings }, async (id, { attempt, signal }) => {
      const run: Run = { id, member, attempt, ended: 'no' }
      runs.push(run)
      await sleep(handlerMs, undefined, { signal }).catch(() => {})
      run.ended = signal.aborted ? 'aborted' : 'done'
    })
    return made
  }
  const publishJobs = async (topic: string, ids: readonly string[]) => {
    const { bus } = kafkaBus(brokers, { name: 'publisher' })
    await bus.start()
    for (const id of ids) await bus.publish(defineEvent<string>('job', { topic, key: key => key }), id)
    await bus.close()
  }
  const changesOf = (member: KafkaBus) => {
    const changes: string[] = []
    member.bus.onEvent(({ type }) => changes.push(type))
    return changes
  }
  const jobs = ['job-0', 'job-1', 'job-2', 'job-3', 'job-4', 'job-5']

  // Side by side: each only waits.
  const alone = async () => {
    const topic = uniqueName('long-alone')
    const runs: Run[] = []
    const member = slowMember(topic, topic, 'alone', runs)
    const changes = changesOf(member)
    await member.bus.start()
    await publishJobs(topic, jobs)
    await using observer = await observe(brokers)
    await eventually(async () => assert.equal(await observer.lag(topic, [topic]), 0), {
      timeoutMs: 3 * handlerMs,
    })
    await member.bus.close()
    return { runs, changes, complaints: member.logger.complaints }
  }

  const withSecond = async () => {
    const topic = uniqueName('long-second')
    const runs: Run[] = []
    const [first, second] = [
      slowMember(topic, topic, 'first', runs),
      slowMember(topic, topic, 'second', runs),
    ]
    await first.bus.start()
    await second.bus.start()
    const changes = [changesOf(first), changesOf(second)]
    await publishJobs(topic, jobs)
    await using observer = await observe(brokers)
    await eventually(async () => assert.equal(await observer.lag(topic, [topic]), 0), {
      timeoutMs: 3 * handlerMs,
    })
    const seen = changes.flat()
    await Promise.all([first.bus.close(), second.bus.close()])
    return { runs, changes: seen, complaints: [...first.logger.complaints, ...second.logger.complaints] }
  }

  const atLimit = async () => {
    const topic = uniqueName('long-limit')
    const runs: Run[] = []
    const member = slowMember(topic, topic, 'limited', runs, { maxInFlight: 1, concurrency: 2 })
    const changes = changesOf(member)
    await member.bus.start()
    // Both partitions are at their limit at once, and stay there with the next record already stored.
    await publishJobs(topic, jobs.slice(0, 4))
    await using observer = await observe(brokers)
    await eventually(async () => assert.equal(await observer.lag(topic, [topic]), 0), {
      timeoutMs: 6 * handlerMs,
    })
    await member.bus.close()
    return { runs, changes, complaints: member.logger.complaints }
  }
  const scenarios = kafka && { alone: alone(), withSecond: withSecond(), atLimit: atLimit() }
  for (const scenario of Object.values(scenarios)) scenario.catch(() => {})

  test('keeps its partitions and runs once', async () => {
    const { runs, changes, complaints } = await scenarios.alone
    assert.deepEqual(runs.map(({ id }) => id).sort(), jobs)
    assert.ok(runs.every(({ attempt, ended }) => attempt === 1 && ended === 'done'))
    assert.deepEqual(changes.slice(0, changes.indexOf('revoked')), ['assigned'])
    assert.deepEqual(complaints, [])
  })

  test('keeps them beside a second member', async () => {
    const { runs, changes, complaints } = await scenarios.withSecond
    assert.deepEqual(runs.map(({ id }) => id).sort(), jobs)
    assert.ok(runs.every(({ attempt, ended }) => attempt === 1 && ended === 'done'))
    assert.deepEqual(changes, [], 'nothing moved while the handlers ran')
    assert.deepEqual(complaints, [])
  })

  test('keeps them while every partition is at its limit', async () => {
    const { runs, changes, complaints } = await scenarios.atLimit
    assert.deepEqual(runs.map(({ id }) => id).sort(), jobs.slice(0, 4))
    assert.ok(runs.every(({ attempt, ended }) => attempt === 1 && ended === 'done'))
    assert.deepEqual(changes.slice(0, changes.indexOf('revoked')), ['assigned'])
    assert.deepEqual(complaints, [])
  })

  test('hands its records over, and aborts, when a second member joins meanwhile', async () => {
    const topic = uniqueName('long-joined')
    const runs: Run[] = []
    const [first, second] = [
      slowMember(topic, topic, 'first', runs),
      slowMember(topic, topic, 'second', runs),
    ]
    await first.bus.start()
    await publishJobs(topic, jobs)
    await eventually(() => assert.equal(runs.length, jobs.length))
    await second.bus.start()
    await using observer = await observe(brokers)
    await eventually(async () => assert.equal(await observer.lag(topic, [topic]), 0), {
      timeoutMs: 3 * handlerMs,
    })
    await Promise.all([first.bus.close(), second.bus.close()])

    const moved = runs.filter(({ ended }) => ended === 'aborted')
    const kept = runs.filter(({ member, ended }) => member === 'first' && ended === 'done')
    const taken = runs.filter(({ member }) => member === 'second')
    assert.ok(moved.length > 0 && kept.length > 0, `${moved.length} moved, ${kept.length} kept`)
    assert.deepEqual(
      moved.map(({ id }) => id).sort(),
      taken.map(({ id }) => id).sort(),
      'only what moved runs again',
    )
    assert.deepEqual([...kept, ...taken].map(({ id }) => id).sort(), jobs)
  })
}

test.run()
