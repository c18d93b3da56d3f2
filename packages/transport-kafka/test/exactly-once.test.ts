import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readAll } from './support/copying.js'
import { assertOnceInOrder, numbered, publishNumbered } from './support/exactly-once.js'
import { exactlyOnceRun } from './support/exactly-once-run.js'
import { startProgram } from './support/program.js'
import { connected } from './support/test-transport.js'

const kafka = await kafkaForTests()
const test = suite('exactly once, whatever dies')

if (kafka) {
  const { brokers } = kafka

  test('instances are killed at random', async () => {
    const seed = Math.floor(Math.random() * 1e9)
    console.log(`seed ${seed}`)
    await exactlyOnceRun({ brokers, records: 3_000, kills: 2, seed })
  })

  test('an instance is stopped, its partitions are taken over, and it continues', async () => {
    await using bus = await connected({ brokers })
    const { transport } = bus
    const [from, to, group] = [uniqueName('from'), uniqueName('to'), uniqueName('group')]
    await transport.ensureTopics([from, to].map(name => ({ name, create: true, partitions: 4 })))
    const member = { brokers, from, to, group, sessionTimeout: 1_500, commitIntervalMs: 20, workMs: 20 }
    await using zombie = startProgram('copying-member', member)
    await zombie.message('ready')
    const values = numbered(20, 150)
    let published = false
    const publishing = publishNumbered(transport, from, values, () => sleep(100)).finally(() => {
      published = true
    })
    await eventually(() => assert.ok(zombie.journal().some(line => line.startsWith('taken'))))
    process.kill(zombie.pid, 'SIGSTOP')
    await using heir = startProgram('copying-member', member)
    await heir.message('ready')
    await eventually(() => assert.ok(heir.journal().some(line => line.startsWith('taken'))), {
      timeoutMs: 10_000,
    })
    process.kill(zombie.pid, 'SIGCONT')
    // Before it hears that it was thrown out, it goes on with what it had.
    await eventually(() => assert.ok(zombie.journal().some(line => line.startsWith('ended'))), {
      timeoutMs: 10_000,
    })
    await publishing
    assert.ok(published)
    const all = async () => assert.ok((await readAll(transport, to)).length >= values.length)
    await eventually(all, { timeoutMs: 20_000 })
    await zombie.close()
    await heir.close()
    assertOnceInOrder(await readAll(transport, to), values)
  })
}

test.run()
