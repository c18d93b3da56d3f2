import assert from 'node:assert/strict'
import { defineEvent } from '@busbar/core'
import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import type { StreamMemberOptions } from './programs/stream-member.js'
import { type Program, startProgram } from './support/program.js'
import { kafkaBus } from './support/scenario.js'

const test = suite('filter, then map, on Kafka, killed in the middle')
const kafka = await kafkaForTests()

const values = Array.from({ length: 400 }, (_, value) => value)
const wanted = values.filter(value => value > 100)

if (kafka !== undefined) {
  const { brokers } = kafka

  test('nothing is lost, neither by the plain form nor by a pipeline for each record', async () => {
    const options: StreamMemberOptions = { brokers, topic: uniqueName('stream-killed') }
    const Reading = defineEvent<{ sensor: string; value: number }>('reading', {
      topic: { name: options.topic, partitions: 2 },
      key: each => each.sensor,
    })
    const { bus } = kafkaBus(brokers, { name: 'publisher' })
    await bus.start()
    await bus.publishBatch(
      Reading,
      values.map(value => ({ sensor: `s${value % 10}`, value })),
    )
    await bus.close()

    const seen = { plain: new Set<number>(), slow: new Set<number>() }
    const note = (program: Program) => {
      for (const line of program.journal()) {
        const [form, value] = line.split(' ')
        seen[form as 'plain' | 'slow'].add(Number(value))
      }
    }
    {
      await using first = startProgram('stream-member', options)
      await eventually(() => assert.ok(first.journal().filter(line => line.startsWith('slow')).length > 40), {
        timeoutMs: 20_000,
      })
      await first.kill()
      note(first)
    }
    assert.ok(seen.slow.size < wanted.length, 'it was killed too late to show anything')
    await using second = startProgram('stream-member', options)
    await eventually(
      () => {
        note(second)
        for (const form of ['plain', 'slow'] as const)
          assert.deepEqual(
            [...seen[form]].sort((a, b) => a - b),
            wanted,
          )
      },
      { timeoutMs: 20_000 },
    )
    await second.close()
  })
}

test.run()
