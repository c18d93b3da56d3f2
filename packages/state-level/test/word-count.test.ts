import { createBus, silentLogger } from '@busbar/core'
import { levelState } from '@busbar/state-level'
import { eventually, kafkaForTests, uniqueName, wordCounts } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Watched, withKilledServices } from './support/killed-services.js'
import { withFolder } from './support/with-folder.js'
import { countWords, wordEvents } from './support/word-events.js'

const test = suite('word count with state on disk')
const kafka = await kafkaForTests()

test('a restart finds its state on disk, and reads of the changelog only what came since', () =>
  withFolder(async folder => {
    const broker = memoryBroker({ partitions: 2 })
    for (const round of [1, 2, 3]) {
      const events = wordEvents('memory')
      const transport = memoryTransport({ broker })
      const read: string[] = []
      const watched = new Proxy(transport, {
        get(target, property) {
          if (property === 'read')
            return (...[spec, receive]: Parameters<typeof target.read>) =>
              target.read(spec, records => {
                read.push(...records.map(({ topic }) => topic))
                return receive(records)
              })
          const value = Reflect.get(target, property, target) as unknown
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      })
      const bus = createBus({
        name: 'counter',
        transport: watched,
        logger: silentLogger,
        state: levelState({ folder }),
      })
      const table = countWords(bus, events)
      await bus.start()
      await table.ready
      if (round > 1) assert.is(await table.get('to'), 2 * (round - 1))
      assert.equal(read, [], 'nothing is left to read')
      await bus.publish(events.Line, 'to be or not to be')
      await eventually(async () => assert.is(await table.get('to'), 2 * round))
      await bus.close()
    }
  }))

if (kafka !== undefined) {
  test('services that are killed at any time on Kafka publish each count once, and lose none', async () => {
    const name = uniqueName('words')
    const events = wordEvents(name)
    await withKilledServices({ streams: 'words', kafka, name }, async ({ bus, killing }) => {
      const watched = new Watched()
      watched.watch(bus, events.Counted)
      const lines: string[] = []
      await killing(round => {
        const more = Array.from({ length: 100 }, (_, line) => `w${line % 7} w${(line * round) % 5} common`)
        lines.push(...more)
        return bus.publishBatch(events.Line, more)
      })
      const expected = Object.entries(wordCounts(lines)).map(([word, count]) => [
        word,
        Array.from({ length: count }, (_, index) => index + 1),
      ])
      await eventually(
        () => {
          const counts: Record<string, number[]> = {}
          for (const [word, count] of watched.entries<number>(`${name}-counted`))
            counts[word] = [...(counts[word] ?? []), count]
          assert.equal(counts, Object.fromEntries(expected))
        },
        { timeoutMs: 60_000 },
      )
    })
  })
}

test.run()
