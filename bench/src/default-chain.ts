// What the default chain (retry and dead letter) costs where nothing fails: `pnpm bench:chain`.
// The same records are consumed from the in-memory transport with it and with `onFailure: 'hand-back'`, in turns.
import {
  createBus,
  defineEvent,
  type IdempotencyStore,
  idempotent,
  type SubscribeOptions,
  silentLogger,
} from '@busbar/core'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'

const records = Number(process.argv[2] ?? 200_000)
const rounds = Number(process.argv[3] ?? 9)

interface Item {
  readonly id: number
  readonly key: string
}
const Item = defineEvent<Item>('item', { topic: 'items', key: item => item.key })

let tokens = 0
/** As fast as a store can be: what is left is the middleware's own. */
const store: IdempotencyStore = {
  claim: async () => ({ kind: 'claimed', token: String(++tokens) }),
  renew: async () => true,
  complete: async () => true,
  release: async () => {},
}

const chains: Record<string, () => SubscribeOptions> = {
  'no chain': () => ({ onFailure: 'hand-back' }),
  'default chain': () => ({}),
  'default chain and idempotent': () => ({ use: [idempotent(store)] }),
}

const broker = memoryBroker({ partitions: 4 })
const publisher = createBus({
  name: 'publisher',
  transport: memoryTransport({ broker }),
  logger: silentLogger,
})
await publisher.start()
for (let from = 0; from < records; from += 10_000) {
  const items = Array.from({ length: Math.min(10_000, records - from) }, (_, index) => ({
    id: from + index,
    key: `key-${(from + index) % 1_000}`,
  }))
  await publisher.publishBatch(Item, items)
}

/** Microseconds of processor time a record, which other processes disturb less than the clock's, from the start of a new group until it has handled all. */
async function consume(options: SubscribeOptions, group: string): Promise<number> {
  await using bus = createBus({
    name: 'consumer',
    transport: memoryTransport({ broker }),
    logger: silentLogger,
  })
  let left = records
  let finish = () => {}
  const finished = new Promise<void>(resolve => {
    finish = resolve
  })
  bus.subscribe(Item, { ...options, group }, async () => {
    left -= 1
    if (left === 0) finish()
  })
  const from = process.cpuUsage()
  await bus.start()
  await finished
  const { user, system } = process.cpuUsage(from)
  return (user + system) / records
}

const times = new Map(Object.keys(chains).map(name => [name, [] as number[]]))
for (let round = -1; round < rounds; round++) {
  for (const [name, options] of Object.entries(chains)) {
    const took = await consume(options(), `${name.replaceAll(' ', '-')}-${round}`)
    if (round >= 0) times.get(name)?.push(took)
  }
}
await publisher.close()

const base = median(times.get('no chain') ?? [])
console.log(`${records} records of 4 partitions and 1,000 keys, median of ${rounds} rounds`)
for (const [name, took] of times) {
  const [low, high] = [Math.min(...took), Math.max(...took)].map(each => each.toFixed(2))
  console.log(
    `${name.padEnd(30)} ${median(took).toFixed(2)} µs a record (${low}–${high}), ${(median(took) / base).toFixed(2)} × no chain`,
  )
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
