/** Consumes a topic in a group; records of the key `slow` take a hundred times as long as others. Ends when it is told. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createBus, defineEvent } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { finish, programOptions, tellParent, told, write } from '../support/program.js'

export interface SlowKeyOptions {
  readonly brokers: string[]
  readonly topic: string
  readonly group: string
  readonly fastMs: number
}

const { brokers, topic, group, fastMs } = programOptions<SlowKeyOptions>()
const Work = defineEvent<{ key: string; id: string }>('work', { topic, key: work => work.key })
const transport = kafkaTransport({ brokers, consumer: { sessionTimeout: 1_500 }, commitIntervalMs: 20 })
const bus = createBus({ name: 'slow-key', transport })

bus.subscribe(Work, { group }, async ({ key, id }, { partition, offset }) => {
  write('start', `${topic}/${partition}`, offset, key, id, Date.now())
  await sleep(key === 'slow' ? 100 * fastMs : fastMs)
  write('done', `${topic}/${partition}`, offset, key, id, Date.now())
})

await bus.start()
tellParent('ready')
await told('close')
await bus.close()
finish()
