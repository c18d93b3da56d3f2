import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBus, silentLogger } from '@busbar/core'
import { levelState } from '@busbar/state-level'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { countWords, wordEvents } from './programs/word-events.js'

const test = suite('word count with state on disk')
const kafka = await kafkaForTests()
const program = join(import.meta.dirname, 'programs/word-counter.js')

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-state-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

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
  test('services that are killed at any time on Kafka publish each count once, and lose none', () =>
    withFolder(async folder => {
      const name = uniqueName('words')
      const events = wordEvents(name)
      const services = new Set<ChildProcess>()
      const run = async (instance: number) => {
        const args = [program, name, join(folder, String(instance)), kafka.brokers.join(',')]
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
        services.add(child)
        await deadline(
          30_000,
          'the start of a service',
          new Promise(resolve => child.stdout.once('data', resolve)),
        )
        return child
      }
      const kill = async (child: ChildProcess) => {
        const gone = new Promise(resolve => child.once('close', resolve))
        child.kill('SIGKILL')
        await gone
        services.delete(child)
      }
      const bus = createBus({
        name: `${name}-watcher`,
        transport: kafkaTransport(kafka),
        logger: silentLogger,
      })
      const counts = new Map<string, number[]>()
      bus.subscribe(events.Counted, (count, { key }) => {
        const word = String(key)
        counts.set(word, [...(counts.get(word) ?? []), count])
      })
      try {
        await bus.start()
        let expected = 0
        const instances = [await run(0), await run(1)]
        for (let round = 0; round < 4; round += 1) {
          const lines = Array.from({ length: 100 }, (_, line) => `w${line % 7} w${(line * round) % 5} common`)
          await bus.publishBatch(events.Line, lines)
          expected += 300
          // While it works, or just behind a commit, as it comes.
          await new Promise(resolve => setTimeout(resolve, 40 * round))
          const victim = round % 2
          await kill(instances[victim] as ChildProcess)
          instances[victim] = await run(victim)
        }
        await eventually(
          () =>
            assert.is(
              [...counts.values()].reduce((sum, each) => sum + each.length, 0),
              expected,
            ),
          { timeoutMs: 60_000 },
        )
        for (const [word, each] of counts)
          assert.equal(
            each,
            Array.from({ length: each.length }, (_, index) => index + 1),
            word,
          )
        assert.is(counts.get('common')?.length, 400)
      } finally {
        for (const child of services) child.kill('SIGKILL')
        await bus.close()
      }
    }))
}

test.run()
