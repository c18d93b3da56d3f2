// What metrics cost: `pnpm bench:metrics`. The same records are published to and consumed from the in-memory transport with and
// without metrics(), in turns.
import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { metrics } from '@busbar/core/prometheus'
import { memoryTransport } from '@busbar/transport-memory'
import { Registry } from 'prom-client'

const records = Number(process.argv[2] ?? 100_000)
const rounds = Number(process.argv[3] ?? 9)

interface Item {
  readonly id: number
  readonly key: string
}
const Item = defineEvent<Item>('item', { topic: 'items', key: item => item.key })

interface Cost {
  readonly publish: number
  readonly consume: number
}

/** Microseconds of processor time a record, which other processes disturb less than the clock's. */
async function run(isMeasured: boolean): Promise<Cost> {
  await using bus = createBus({ name: 'bench', transport: memoryTransport(), logger: silentLogger })
  if (isMeasured) bus.use(metrics(new Registry()))
  const publish = await costOf(async () => {
    await bus.start()
    for (let from = 0; from < records; from += 1_000)
      await Promise.all(
        Array.from({ length: 1_000 }, (_, index) =>
          bus.publish(Item, { id: from + index, key: `key-${index}` }),
        ),
      )
  })
  let left = records
  const consume = await costOf(async () => {
    let finish = () => {}
    const finished = new Promise<void>(resolve => {
      finish = resolve
    })
    bus.subscribe(Item, () => {
      left -= 1
      if (left === 0) finish()
    })
    await finished
  })
  return { publish, consume }
}

async function costOf(work: () => Promise<void>): Promise<number> {
  const from = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(from)
  return (user + system) / records
}

const costs: Record<'without' | 'with', Cost[]> = { without: [], with: [] }
for (let round = -1; round < rounds; round++) {
  for (const which of ['without', 'with'] as const) {
    const cost = await run(which === 'with')
    if (round >= 0) costs[which].push(cost)
  }
}

console.log(`${records} records, median of ${rounds} rounds, µs of processor time a record`)
for (const what of ['publish', 'consume'] as const) {
  const [without, withMetrics] = [costs.without, costs.with].map(each => median(each.map(cost => cost[what])))
  const ratio = (withMetrics ?? 0) / (without ?? 1)
  console.log(
    `${what.padEnd(8)} ${without?.toFixed(2)} without, ${withMetrics?.toFixed(2)} with metrics: × ${ratio.toFixed(2)}`,
  )
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
