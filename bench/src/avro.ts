import {
  type BusOptions,
  type Codec,
  createBus,
  defineEvent,
  type EventDefinition,
  silentLogger,
} from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { memoryRegistry } from '@busbar/schema-registry'
import { memoryTransport } from '@busbar/transport-memory'
import avsc from 'avsc'

/**
 * What `avro()` costs: its encoding and decoding against bare avsc, and a publish until its handler has run, in memory,
 * against the same bus with plain JSON. In processor time, which other processes disturb less than the clock's. Every
 * variant takes its turn in each round; the median of the rounds counts.
 *
 * `pnpm bench:avro [encodings of a round] [publishes of a round] [rounds]`
 */
const encodings = Number(process.argv[2] ?? 200_000)
const publishes = Number(process.argv[3] ?? 20_000)
const rounds = Number(process.argv[4] ?? 7)
const outstanding = 1_000

const user = {
  type: 'record',
  name: 'UserCreated',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'name', type: 'string' },
    { name: 'email', type: 'string' },
  ],
} as const

const order = {
  type: 'record',
  name: 'OrderPlaced',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'customer', type: 'string' },
    { name: 'street', type: 'string' },
    { name: 'city', type: 'string' },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'coupon', type: ['null', 'string'], default: null },
    { name: 'items', type: 'int' },
    { name: 'weight', type: 'int' },
    { name: 'attempt', type: 'int' },
    { name: 'placedAt', type: 'long' },
    { name: 'version', type: 'long' },
    { name: 'total', type: 'double' },
    { name: 'discount', type: 'double' },
    { name: 'isGift', type: 'boolean' },
    { name: 'isPaid', type: 'boolean' },
    { name: 'state', type: { type: 'enum', name: 'State', symbols: ['PLACED', 'PAID', 'SENT'] } },
    { name: 'tags', type: { type: 'array', items: 'string' } },
    { name: 'labels', type: { type: 'map', values: 'string' } },
    { name: 'referrer', type: ['null', 'string'], default: null },
    {
      name: 'place',
      type: {
        type: 'record',
        name: 'Place',
        fields: [
          { name: 'lat', type: 'double' },
          { name: 'lon', type: 'double' },
        ],
      },
    },
  ],
} as const

const aUser = { id: '0198c0de-7000-7000-8000-000000000001', name: 'Ada Lovelace', email: 'ada@example.com' }
const anOrder = {
  id: '0198c0de-7000-7000-8000-000000000002',
  customer: 'Ada Lovelace',
  street: '12 St James Square',
  city: 'London',
  note: 'leave it at the door, please',
  coupon: null,
  items: 3,
  weight: 12_500,
  attempt: 1,
  placedAt: 1_700_000_000_000,
  version: 42,
  total: 129.95,
  discount: 0.5,
  isGift: false,
  isPaid: true,
  state: 'PAID',
  tags: ['books', 'maths', 'engines'],
  labels: { channel: 'web', region: 'eu' },
  referrer: null,
  place: { lat: 51.507, lon: -0.1337 },
} as const

interface Subject {
  readonly name: string
  readonly value: object
  readonly codec: Codec<object>
  readonly bare: avsc.Type
}

const subjects: readonly Subject[] = [
  subject('UserCreated, 3 fields', avro(user), user, aUser),
  subject('OrderPlaced, 20 fields', avro(order), order, anOrder),
]

function subject(name: string, codec: object, schema: unknown, value: object): Subject {
  const bare = avsc.Type.forSchema(schema as avsc.Schema)
  return { name, value, codec: codec as Codec<object>, bare }
}

/** Nanoseconds of processor time for one. */
function timed(work: () => unknown): number {
  const from = process.cpuUsage()
  for (let index = 0; index < encodings; index++) work()
  return cpuSince(from) / encodings
}

/** Nanoseconds of processor time from a publish until its handler has run, with `outstanding` of them under way. */
async function timedBus(
  event: EventDefinition<object>,
  value: object,
  registered: Partial<BusOptions> = {},
): Promise<number> {
  await using bus = createBus({
    name: 'bench',
    transport: memoryTransport(),
    logger: silentLogger,
    ...registered,
  })
  let left = publishes
  let finish = () => {}
  const finished = new Promise<void>(resolve => {
    finish = resolve
  })
  bus.subscribe(event, { concurrency: 100 }, () => {
    if (--left === 0) finish()
  })
  await bus.start()
  const from = process.cpuUsage()
  let next = 0
  const worker = async (): Promise<void> => {
    while (next++ < publishes) await bus.publish(event, value)
  }
  await Promise.all(Array.from({ length: outstanding }, worker))
  await finished
  return cpuSince(from) / publishes
}

function cpuSince(from: NodeJS.CpuUsage): number {
  const { user: inUser, system } = process.cpuUsage(from)
  return (inUser + system) * 1_000
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
const ns = (value: number): string => `${value.toFixed(0).padStart(7)} ns`

async function compare({ name, value, codec, bare }: Subject): Promise<void> {
  const bytes = bare.toBuffer(value)
  if (Buffer.compare(codec.encode(value) as Uint8Array, bytes) !== 0) throw new Error('the bytes differ')
  const avroEvent = defineEvent('bench', { schema: codec })
  const jsonEvent = defineEvent<object>('bench')
  const variants: Record<string, () => number | Promise<number>> = {
    bareEncode: () => timed(() => bare.toBuffer(value)),
    encode: () => timed(() => codec.encode(value)),
    bareDecode: () => timed(() => bare.fromBuffer(bytes)),
    decode: () => timed(() => codec.decode(bytes, codec.dataSchema)),
    avroBus: () => timedBus(avroEvent, value),
    registryBus: () => timedBus(avroEvent, value, { registry: memoryRegistry({ autoRegister: true }) }),
    jsonBus: () => timedBus(jsonEvent, value),
  }
  const results: Record<string, number[]> = {}
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [variant, run] of Object.entries(variants)) {
      const took = await run()
      if (round > 0) results[variant] = [...(results[variant] ?? []), took]
    }
  }
  report(name, bytes.length, variant => median(results[variant] ?? []))
}

function report(name: string, size: number, took: (variant: string) => number): void {
  const line = (what: string, ours: number, than: string, theirs: number): void =>
    console.log(
      `  ${what.padEnd(26)} avro() ${ns(ours)}   ${than} ${ns(theirs)}   × ${(ours / theirs).toFixed(2)}`,
    )
  const bare = took('bareEncode') + took('bareDecode')
  console.log(`\n${name}, ${size} bytes`)
  line('encode', took('encode'), 'avsc', took('bareEncode'))
  line('decode', took('decode'), 'avsc', took('bareDecode'))
  line('both', took('encode') + took('decode'), 'avsc', bare)
  line('through the bus', took('avroBus'), 'JSON', took('jsonBus'))
  line('through it, registered', took('registryBus'), 'JSON', took('jsonBus'))
  line('through the bus', took('avroBus'), 'avsc', bare)
  line('through it, registered', took('registryBus'), 'avsc', bare)
}

for (const each of subjects) await compare(each)
