/** A service whose requests become events that take a while to handle; prints what happens, a line each. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { closeOnSignals, createBus } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { type Work, type WorkServerOptions, workOn } from '../support/work.js'
import { workServers } from '../support/work-servers.js'

const { framework, brokers, group, topic, closeTimeoutMs, isFirst } = JSON.parse(
  process.argv[2] ?? '{}',
) as WorkServerOptions
const WorkAsked = workOn(topic)
const bus = createBus({ name: group, transport: kafkaTransport({ brokers }) })

const signalled = once(process, 'SIGTERM')
let running = 0
bus.subscribe(WorkAsked, async ({ workMs, handler }, { id, partition, offset }) => {
  running += 1
  if (isFirst && handler !== undefined) {
    console.log(`${handler} ${id} ${partition} ${offset}`)
    await (handler === 'held' ? signalled : new Promise(() => {}))
  }
  await sleep(workMs)
  // The effect, in place of a row in a database.
  console.log(`done ${id} ${partition} ${offset}`)
  running -= 1
})

let underWay = 0
void signalled.then(() => console.log(`signal ${underWay} ${running}`))

const server = await workServers[framework](
  bus,
  async (requestBus, body) => {
    const work = body as Work
    if (work.afterSignalMs !== undefined) {
      underWay += 1
      console.log(`waiting ${work.name}`)
      await signalled
      await sleep(work.afterSignalMs)
    }
    const { id } = await requestBus.publish(WorkAsked, work)
    return id
  },
  closeTimeoutMs,
)
closeOnSignals(server)
console.log(`listening on ${server.url}`)
