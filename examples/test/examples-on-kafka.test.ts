import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deadline, kafkaForTests } from '@busbar/testkit'
import { suite } from 'uvu'

const folder = join(import.meta.dirname, '..')
const test = suite('the same example on Kafka')
const kafka = await kafkaForTests()
const sorted = (text: string) => text.trim().split('\n').sort()

if (kafka !== undefined) {
  // Twice: the second time its topics, groups and positions are there already.
  for (const time of ['first', 'second']) {
    test(`the quick start prints the same lines, the ${time} time`, async () => {
      const program = join(folder, 'dist', 'quick-start.js')
      const env = { ...process.env, KAFKA_BROKERS: kafka.brokers.join(',') }
      const run = promisify(execFile)(process.execPath, [program], { env })
      const { stdout, stderr } = await deadline(30_000, 'the quick start', run)
      assert.equal(stderr, '')
      const expected = await readFile(join(folder, 'expected', 'quick-start.txt'), 'utf8')
      // Partitions are handled side by side, in no order among one another.
      assert.deepEqual(sorted(stdout), sorted(expected))
    })
  }
}

test.run()
