import assert from 'node:assert/strict'
import { defineEvent } from '@busbar/core'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import type { SlowKeyOptions } from './programs/slow-key-consumer.js'
import { assertKeyOrder, doneIn, stepsIn } from './support/journal.js'
import { startProgram } from './support/program.js'
import { kafkaBus, observe } from './support/scenario.js'

const test = suite('twelve keys of one partition, one of them a hundred times slower')
const kafka = await kafkaForTests()

const keys = ['slow', ...Array.from({ length: 11 }, (_, index) => `key-${index}`)]
const fastMs = 3
const rounds = 6

/** Publishes `rounds` records of each key, in turns, to one partition. */
async function publishWork(brokers: readonly string[], topic: string): Promise<string[]> {
  const Work = defineEvent<{ key: string; id: string }>('work', {
    topic: { name: topic, partitions: 1 },
    key: work => work.key,
  })
  const work = Array.from({ length: rounds }, (_, round) =>
    keys.map(key => ({ key, id: `${key}-${round}` })),
  ).flat()
  const { bus } = kafkaBus(brokers, { name: 'publisher' })
  await bus.start()
  await bus.publishBatch(Work, work)
  await bus.close()
  return work.map(({ id }) => id)
}

if (kafka !== undefined) {
  const { brokers } = kafka

  test('the others do not wait', async () => {
    const options: SlowKeyOptions = {
      brokers,
      topic: uniqueName('slow-key'),
      group: uniqueName('slow-key'),
      fastMs,
    }
    const published = await publishWork(brokers, options.topic)
    await using consumer = startProgram('slow-key-consumer', options)
    const steps = await eventually(
      () => {
        const seen = stepsIn(consumer.journal())
        assert.equal(doneIn(seen).length, published.length)
        return seen
      },
      { timeoutMs: 20_000 },
    )
    await consumer.close()

    assertKeyOrder(steps)
    assert.deepEqual(
      doneIn(steps)
        .map(({ id }) => id)
        .sort(),
      [...published].sort(),
    )
    const lastFast = steps.findLastIndex(({ key, step }) => key !== 'slow' && step === 'done')
    const slowDone = steps.filter(
      ({ key, step }, index) => key === 'slow' && step === 'done' && index < lastFast,
    )
    assert.ok(slowDone.length <= 2, `the others were only done after ${slowDone.length} of the slow key`)
  })

  test('nothing is lost when the process is killed in the middle', async () => {
    const options: SlowKeyOptions = {
      brokers,
      topic: uniqueName('slow-kill'),
      group: uniqueName('slow-kill'),
      fastMs,
    }
    await using observer = await observe(brokers)
    const published = await publishWork(brokers, options.topic)
    const place = `${options.topic}/0`
    const committed = async () => (await observer.committed(options.group, [options.topic])).get(place) ?? -1

    await using first = startProgram('slow-key-consumer', options)
    const doneBelow = async () => {
      const position = await committed()
      // Read after the position: what was committed must have been done before.
      const done = new Set(doneIn(stepsIn(first.journal())).map(({ offset }) => offset))
      for (let offset = 0; offset < position; offset++)
        assert.ok(done.has(offset), `${position} was committed, ${offset} not done`)
      return { position, done }
    }
    await deadline(20_000, 'work of the first process', async signal => {
      // The second slow record runs, and everything else is long done: the commit stands before it.
      while (!stepsIn(first.journal()).some(({ step, id }) => step === 'start' && id === 'slow-2')) {
        signal.throwIfAborted()
        await doneBelow()
      }
    })
    await first.kill()
    const { position, done } = await doneBelow()
    const firstSteps = stepsIn(first.journal())
    const unfinished = published.findIndex((_, offset) => !done.has(offset))
    assert.ok(position <= unfinished, `${position} was committed, ${unfinished} was not done`)
    assert.ok(position >= keys.length, `after two slow records the position is still ${position}`)

    await using second = startProgram('slow-key-consumer', options)
    await eventually(async () => assert.equal(await committed(), published.length), { timeoutMs: 20_000 })
    await second.close()
    const secondSteps = stepsIn(second.journal())
    assertKeyOrder(firstSteps)
    assertKeyOrder(secondSteps)
    assert.equal(
      Math.min(...secondSteps.map(({ offset }) => offset)),
      position,
      'the second process begins at the commit',
    )
    const handled = new Set([...doneIn(firstSteps), ...doneIn(secondSteps)].map(({ id }) => id))
    assert.deepEqual(
      published.filter(id => !handled.has(id)),
      [],
    )
  })
}

test.run()
