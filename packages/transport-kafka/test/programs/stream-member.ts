/** The classic pipeline in its two forms; writes down what comes out of them. Ends when it is told. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createBus, defineEvent } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { filter, map, mergeMap } from 'rxjs'
import { finish, programOptions, tellParent, told, write } from '../support/program.js'

export interface StreamMemberOptions {
  readonly brokers: string[]
  readonly topic: string
}

const { brokers, topic } = programOptions<StreamMemberOptions>()
const Reading = defineEvent<{ sensor: string; value: number }>('reading', { topic, key: each => each.sensor })
const transport = kafkaTransport({ brokers, consumer: { sessionTimeout: 1_500 }, commitIntervalMs: 20 })
const bus = createBus({ name: 'streams', transport, consume: { concurrency: 8 } })

bus
  .stream(Reading, { group: `${topic}-plain` })
  .pipe(
    filter(data => data.value > 100),
    map(data => ({ ...data, processed: true })),
  )
  .subscribe(({ value }) => write('plain', value))

bus
  .stream(Reading, { group: `${topic}-slow` }, reading$ =>
    reading$.pipe(
      filter(data => data.value > 100),
      mergeMap(async data => {
        await sleep(2)
        return { ...data, processed: true }
      }),
    ),
  )
  .subscribe(({ value }) => write('slow', value))

await bus.start()
tellParent('ready')
await told('close')
await bus.close()
finish()
