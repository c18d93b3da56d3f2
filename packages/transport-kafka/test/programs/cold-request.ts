/** Makes a bus, starts it, and asks once: tells its parent how long that took, and then how long further requests take. */
import { createBus } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { echoRequest } from '../support/echo.js'
import { finish, programOptions, tellParent } from '../support/program.js'

export interface ColdRequestOptions {
  readonly brokers: string[]
  readonly topic: string
  readonly replyTopic: string
}

/** Milliseconds. */
export interface ColdRequestTimes {
  /** From `createBus` to the first reply. */
  readonly first: number
  /** Of that, `start`. */
  readonly start: number
  readonly later: readonly number[]
}

const { brokers, topic, replyTopic } = programOptions<ColdRequestOptions>()
const begin = performance.now()
const bus = createBus({ name: 'cold', requests: { replyTopic }, transport: kafkaTransport({ brokers }) })
await bus.start()
const start = performance.now() - begin
const Echo = echoRequest(topic)
await bus.request(Echo, { from: 'cold', number: 0 })
const first = performance.now() - begin
const later: number[] = []
for (let number = 1; number <= 20; number++) {
  const before = performance.now()
  await bus.request(Echo, { from: 'cold', number })
  later.push(performance.now() - before)
}
tellParent('times', { first, start, later } satisfies ColdRequestTimes)
await bus.close()
finish()
