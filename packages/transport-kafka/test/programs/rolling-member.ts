/** One instance of a service: consumes some topics in a group, a few milliseconds a record, and leaves when it is told. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createBus, defineEvent } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { finish, programOptions, told, tellParent, write } from '../support/program.js'

export interface RollingMemberOptions {
  readonly brokers: string[]
  readonly group: string
  readonly topics: readonly string[]
  readonly workMs: number
}

const { brokers, group, topics, workMs } = programOptions<RollingMemberOptions>()
const bus = createBus({ name: 'rolling', transport: kafkaTransport({ brokers, commitIntervalMs: 50 }) })
// Every time that a partition comes here is an ownership of its own.
let ownerships = 0
const ownership = new Map<string, number>()
bus.onEvent(event => {
  if (event.type !== 'assigned') return
  ownerships += 1
  for (const { topic, partition } of event.partitions) ownership.set(`${topic}/${partition}`, ownerships)
})
for (const topic of topics) {
  const Work = defineEvent<{ key: string; id: string }>('work', { topic, key: work => work.key })
  bus.subscribe(Work, { group, name: topic }, async ({ key, id }, { partition, offset, signal }) => {
    const place = `${topic}/${partition}`
    const lane = `${key}#${ownership.get(place)}`
    write('start', place, offset, lane, id, Date.now())
    await sleep(workMs)
    if (!signal.aborted) write('done', place, offset, lane, id, Date.now())
  })
}

await bus.start()
tellParent('ready')
await told('close')
await bus.close()
finish()
