import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { startKafka } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import kafkajs from 'kafkajs'

/**
 * Records a second that one consumer handles: the bus (`subscribe`, JSON) against kafkajs's `eachBatch` and
 * `eachMessage` that parse the same JSON, in one process, on the same topic of 6 partitions, each round in a new group
 * from the earliest record. Rounds alternate. Counted from the first handled record to the last; joining is left out.
 *
 * `pnpm bench:consume [records of a round] [rounds]`
 */
const records = Number(process.argv[2] ?? 200_000)
const rounds = Number(process.argv[3] ?? 5)
/** Of handlers that take a while: kafkajs runs one at a time in a partition. */
const slowRecords = Math.min(records, 6_000)
const slowMs = 5
const partitions = 6

interface User {
  readonly id: string
  readonly name: string
  readonly email: string
}

type Handler = (user: User) => void | Promise<void>

await using broker = await startKafka({ fast: true })
const { brokers } = broker
const userCreated = (topic: string) => defineEvent<User>('user.created', { topic, key: user => user.id })

/** Counts the calls of a handler: the rate from the first to the last of `count`, and when that is reached. */
function counted(count: number, work: Handler) {
  let began = 0
  let handled = 0
  const { promise, resolve } = promiseOfRate()
  const finished = () => {
    if (++handled === count) resolve(count / ((performance.now() - began) / 1_000))
  }
  const handler: Handler = user => {
    began ||= performance.now()
    const working = work(user)
    return working ? working.then(finished) : finished()
  }
  return { handler, rate: promise }
}

function promiseOfRate() {
  let resolve: (rate: number) => void = () => {}
  const promise = new Promise<number>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

type Consuming = (topic: string, group: string, handler: Handler) => Promise<() => Promise<void>>

const busbar: Consuming = async (topic, group, handler) => {
  const bus = createBus({ name: 'bench', transport: kafkaTransport({ brokers }), logger: silentLogger })
  bus.subscribe(userCreated(topic), { group }, handler)
  await bus.start()
  return () => bus.close()
}

const client = new kafkajs.Kafka({ brokers, clientId: 'bench', logLevel: kafkajs.logLevel.NOTHING })
const parse = (value: Buffer | null): User => JSON.parse(String(value)) as User

const eachBatch: Consuming = async (topic, groupId, handler) => {
  const consumer = client.consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    partitionsConsumedConcurrently: partitions,
    eachBatch: async payload => {
      for (const { value, offset } of payload.batch.messages) {
        const working = handler(parse(value))
        if (working) {
          await working
          await payload.heartbeat()
        }
        payload.resolveOffset(offset)
      }
    },
  })
  return () => consumer.disconnect()
}

const eachMessage: Consuming = async (topic, groupId, handler) => {
  const consumer = client.consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    partitionsConsumedConcurrently: partitions,
    eachMessage: async ({ message }) => handler(parse(message.value)),
  })
  return () => consumer.disconnect()
}

const contestants = { busbar, eachBatch, eachMessage }
const names = ['busbar', 'eachBatch', 'eachMessage'] as const
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
const perSecond = (value: number): string => `${(value / 1_000).toFixed(1)} k/s`.padStart(11)

async function fill(topic: string, count: number): Promise<void> {
  const bus = createBus({ name: 'bench', transport: kafkaTransport({ brokers, topics: { partitions } }) })
  const event = userCreated(topic)
  await bus.start()
  for (let next = 0; next < count; next += 5_000) {
    const users = Array.from({ length: Math.min(5_000, count - next) }, (_, i) => {
      const id = `user-${(next + i) % 1_000}`
      return { id, name: `User number ${next + i}`, email: `${id}@some-company.example` }
    })
    await bus.publishBatch(event, users)
  }
  await bus.close()
}

async function compare(title: string, topic: string, count: number, work: Handler): Promise<void> {
  await fill(topic, count)
  console.log(`\n${title}`)
  const rates = { busbar: [] as number[], eachBatch: [] as number[], eachMessage: [] as number[] }
  const lineOf = (of: (name: (typeof names)[number]) => number) => {
    const [ours, ...theirs] = names.map(name => of(name))
    const ratios = theirs.map(rate => `× ${((ours ?? 0) / rate).toFixed(2)}`).join(', ')
    return `${names.map(name => `${name} ${perSecond(of(name))}`).join('   ')}   ${ratios}`
  }
  // Round 0 warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const { handler, rate } = counted(count, work)
      const stop = await contestants[name](topic, `${topic}-${name}-${round}`, handler)
      rates[name][round] = await rate
      await stop()
    }
    if (round > 0) console.log(`  round ${round}: ${lineOf(name => rates[name][round] ?? 0)}`)
  }
  console.log(`  median:  ${lineOf(name => median(rates[name].slice(1)))}`)
}

const sleep = (): Promise<void> => new Promise(resolve => setTimeout(resolve, slowMs))
await compare(`${records} records, a handler that returns at once`, 'bench-quick', records, () => {})
await compare(`${slowRecords} records, a handler of ${slowMs} ms`, 'bench-slow', slowRecords, sleep)
console.log(`\npeak rss ${(process.resourceUsage().maxRSS / 1_024).toFixed(0)} MiB`)
