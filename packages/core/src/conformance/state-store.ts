import { BusbarError } from '../error.js'
import { systemRuntime } from '../runtime.js'
import type { StateEntry, StateProvider, StateRange, StateStore, StateStoreId } from '../state/state-store.js'
import { check } from './idempotency-checks.js'

/** What a state provider is held to. */
export interface StateStoreHarness {
  /** The provider under test. May be asked more than once in a case: all results share their content, as processes do. */
  readonly provider: () => StateProvider
}

/** One case: rejects with what is wrong. Stores are the case's own, so that cases can share a folder. */
export interface StateStoreCase {
  readonly name: string
  /** Of providers that forget what is closed, these are not expected. */
  readonly durable: boolean
  readonly run: (harness: StateStoreHarness) => Promise<void>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const hex = (given: Uint8Array | undefined): string | undefined => given && Buffer.from(given).toString('hex')
const newId = (): StateStoreId => ({ group: `case ${systemRuntime.uuid()}`, store: 'store', partition: 0 })

const oddKeys: readonly Uint8Array[] = [
  new Uint8Array(0),
  Uint8Array.of(0),
  Uint8Array.of(0, 0),
  Uint8Array.of(0, 1),
  bytes('a'),
  bytes('a\0'),
  bytes('a\0b'),
  bytes('aa'),
  bytes('é'),
  Uint8Array.of(0x7f),
  Uint8Array.of(0x80),
  Uint8Array.of(0xff),
  Uint8Array.of(0xff, 0),
  Uint8Array.of(0xff, 0xff),
  new Uint8Array(5_000).fill(0x61),
]

async function withStore(
  { provider }: StateStoreHarness,
  work: (store: StateStore, id: StateStoreId) => Promise<void>,
): Promise<void> {
  const id = newId()
  const store = await provider().open(id)
  try {
    await work(store, id)
  } finally {
    await store.destroy()
  }
}

async function all(store: StateStore, range?: StateRange): Promise<StateEntry[]> {
  const entries: StateEntry[] = []
  for await (const entry of store.scan(range)) entries.push(entry)
  return entries
}

async function refusalOf(work: Promise<unknown>): Promise<BusbarError | undefined> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  check(
    thrown === undefined || thrown instanceof BusbarError,
    `rejections are BusbarErrors, got ${String(thrown)}`,
  )
  return thrown
}

async function refuses(code: string, work: Promise<unknown>, what: string): Promise<void> {
  const refusal = await refusalOf(work)
  check(refusal?.code === code, `${what} is refused with ${code}, got ${refusal?.code}`)
}

function sameKeys(entries: readonly StateEntry[], keys: readonly Uint8Array[], what: string): void {
  const got = entries.map(({ key }) => hex(key)).join(' ')
  check(
    got === keys.map(hex).join(' '),
    `${what}: ${keys.length} keys in their order, got ${got.slice(0, 200)}`,
  )
}

/** Every case that a state provider must pass; those that are `durable` only if it says that it is. */
export const stateStoreCases: readonly StateStoreCase[] = [
  {
    name: 'a new store is empty and has no checkpoint',
    durable: false,
    run: harness =>
      withStore(harness, async store => {
        check(store.checkpoint === undefined, 'no checkpoint')
        check((await store.get(bytes('a'))) === undefined, 'no value')
        check((await all(store)).length === 0, 'no entry')
      }),
  },
  {
    name: 'keys and values are kept byte for byte, also empty and large ones',
    durable: false,
    run: harness =>
      withStore(harness, async store => {
        const values = oddKeys.map((_, index) =>
          index === 0 ? new Uint8Array(1_000_000).fill(0xfe) : new Uint8Array(index - 1).fill(index),
        )
        await store.write(oddKeys.map((key, index) => ({ key, value: values[index] })))
        for (const [index, key] of oddKeys.entries()) {
          const got = await store.get(key)
          check(hex(got) === hex(values[index]), `the value of key ${index}, got ${hex(got)?.slice(0, 50)}`)
        }
      }),
  },
  {
    name: 'changes of one write apply in order: the last of a key counts; deleting what is not there is nothing',
    durable: false,
    run: harness =>
      withStore(harness, async store => {
        const key = bytes('k')
        await store.write([
          { key: bytes('gone'), value: undefined },
          { key, value: bytes('1') },
          { key, value: undefined },
          { key, value: bytes('2') },
          { key: bytes('other'), value: bytes('3') },
          { key: bytes('other'), value: undefined },
        ])
        check(hex(await store.get(key)) === hex(bytes('2')), 'the last put counts')
        check((await all(store)).length === 1, 'one entry is left')
        await store.write([{ key, value: undefined }])
        check((await store.get(key)) === undefined, 'it is deleted')
      }),
  },
  {
    name: 'writes that are not waited for take effect in the order of the calls',
    durable: false,
    run: harness =>
      withStore(harness, async store => {
        const key = bytes('k')
        await Promise.all(
          Array.from({ length: 200 }, (_, index) => store.write([{ key, value: bytes(String(index)) }])),
        )
        check(hex(await store.get(key)) === hex(bytes('199')), 'the last write counts')
      }),
  },
  {
    name: 'neither side changes the bytes of the other afterwards',
    durable: false,
    run: harness =>
      withStore(harness, async store => {
        for (const make of [bytes, (text: string) => Buffer.from(text)]) {
          const [key, value] = [make('key'), make('value')]
          await store.write([{ key, value }])
          key[0] = value[0] = 0
          const read = (await store.get(bytes('key'))) as Uint8Array
          check(hex(read) === hex(bytes('value')), 'what was written was copied')
          read[0] = 0
          for await (const entry of store.scan()) entry.value[0] = entry.key[0] = 0
          check(hex(await store.get(bytes('key'))) === hex(bytes('value')), 'what was read was a copy')
        }
      }),
  },
  {
    name: 'a scan is in the order of unsigned bytes, from inclusive, to exclusive',
    durable: false,
    run: harness =>
      withStore(harness, async store => {
        const order = [...oddKeys].sort((one, other) => Buffer.compare(one, other))
        await store.write([...oddKeys].reverse().map(key => ({ key, value: key })))
        sameKeys(await all(store), order, 'everything')
        for (const [low, from] of order.entries()) {
          sameKeys(await all(store, { from }), order.slice(low), `from ${low}`)
          sameKeys(await all(store, { to: from }), order.slice(0, low), `to ${low}`)
          for (const [high, to] of order.entries()) {
            const expected = low < high ? order.slice(low, high) : []
            sameKeys(await all(store, { from, to }), expected, `from ${low} to ${high}`)
          }
        }
        const between = { from: Uint8Array.of(1), to: Uint8Array.of(0x61, 0, 1) }
        sameKeys(await all(store, between), [bytes('a'), bytes('a\0')], 'between keys')
      }),
  },
  {
    name: 'a scan shows what was there when it began, and can be left early',
    durable: false,
    run: harness =>
      withStore(harness, async store => {
        const keys = Array.from({ length: 1_000 }, (_, index) => bytes(String(index).padStart(4, '0')))
        await store.write(keys.map(key => ({ key, value: bytes('old') })))
        let count = 0
        for await (const { value } of store.scan()) {
          if (count === 0) {
            await store.write([
              ...keys.map((key, index) => ({ key, value: index % 2 ? undefined : bytes('new') })),
              { key: bytes('9999'), value: bytes('new') },
            ])
          }
          check(hex(value) === hex(bytes('old')), 'the values of the beginning')
          count += 1
        }
        check(count === keys.length, `the entries of the beginning, got ${count}`)
        for await (const { value } of store.scan()) {
          check(hex(value) === hex(bytes('new')), 'the next scan shows what is new')
          break
        }
        check((await all(store)).length === 501, 'and what is gone')
      }),
  },
  {
    name: 'stores that differ in group, name or partition share nothing',
    durable: false,
    async run({ provider }) {
      const base = newId()
      const ids: StateStoreId[] = [
        base,
        { ...base, partition: 1 },
        { ...base, partition: 11 },
        { ...base, store: 'STORE' },
        { ...base, store: 'store.a' },
        { ...base, store: '..' },
        { ...base, group: `${base.group}/store` },
        { ...base, group: base.group.toUpperCase() },
        { ...base, group: `${base.group}${'é'.repeat(300)}a` },
        { ...base, group: `${base.group}${'é'.repeat(300)}b` },
      ]
      const key = bytes('k')
      const stores = await Promise.all(ids.map(id => provider().open(id)))
      await Promise.all(stores.map((store, index) => store.write([{ key, value: bytes(String(index)) }])))
      for (const [index, store] of stores.entries())
        check(hex(await store.get(key)) === hex(bytes(String(index))), `store ${index} has its own value`)
      await Promise.all(stores.map(store => store.destroy()))
    },
  },
  {
    name: 'one holder at a time: others are refused until it closes, and may try again',
    durable: false,
    async run({ provider }) {
      const id = newId()
      const first = await provider().open(id)
      for (const again of [provider(), provider()]) {
        await refuses('STATE_LOCKED', again.open(id), 'opening it a second time')
        check((await refusalOf(again.open(id)))?.retryable === true, 'and is worth trying again')
        await refuses('STATE_LOCKED', again.destroy(id), 'destroying what is open')
      }
      await first.write([{ key: bytes('k'), value: bytes('v') }])
      check((await first.get(bytes('k'))) !== undefined, 'its holder is not disturbed')
      await Promise.all([first.close(), first.close()])
      const second = await provider().open(id)
      await second.destroy()
    },
  },
  {
    name: 'after its end a store refuses everything but to be closed again',
    durable: false,
    async run({ provider }) {
      for (const end of ['close', 'destroy'] as const) {
        const id = newId()
        const store = await provider().open(id)
        await store.write([{ key: bytes('k'), value: bytes('v') }])
        await store[end]()
        await refuses('STATE_UNAVAILABLE', store.get(bytes('k')), `get after ${end}`)
        await refuses('STATE_UNAVAILABLE', store.write([]), `write after ${end}`)
        await refuses('STATE_UNAVAILABLE', all(store), `scan after ${end}`)
        await store.close()
        await provider().destroy(id)
      }
    },
  },
  {
    name: 'what was destroyed is gone, and can be begun anew',
    durable: false,
    async run({ provider }) {
      const id = newId()
      const key = bytes('k')
      for (const how of ['store', 'provider']) {
        const store = await provider().open(id)
        await store.write([{ key, value: bytes('v') }], bytes('7'))
        if (how === 'provider') await store.close()
        await (how === 'provider' ? provider().destroy(id) : store.destroy())
        const anew = await provider().open(id)
        check(anew.checkpoint === undefined, `no checkpoint after destroying by ${how}`)
        check((await anew.get(key)) === undefined && (await all(anew)).length === 0, 'nor any entry')
        await anew.destroy()
      }
      await provider().destroy(id)
    },
  },
  {
    name: 'a full scan of 100,000 entries, with flat memory',
    durable: false,
    run: harness =>
      withStore(harness, async store => {
        const count = 100_000
        const value = new Uint8Array(500).fill(7)
        const keyOf = (index: number) => bytes(`key-${String(index).padStart(8, '0')}`)
        for (let start = 0; start < count; start += 1_000) {
          const changes = Array.from({ length: 1_000 }, (_, index) => ({ key: keyOf(start + index), value }))
          await store.write(changes)
        }
        const before = process.memoryUsage().rss
        let most = 0
        let seen = 0
        let previous = ''
        for await (const entry of store.scan()) {
          const key = Buffer.from(entry.key).toString('latin1')
          check(key > previous && entry.value.length === 500, 'in order and whole')
          previous = key
          seen += 1
          if (seen % 1_000 === 0) most = Math.max(most, process.memoryUsage().rss - before)
        }
        check(seen === count, `all of them, got ${seen}`)
        check(most < 48_000_000, `memory grows by less than the content, got ${Math.round(most / 1e6)} MB`)
      }),
  },
  {
    name: 'what was written is there after closing and opening again, with the last checkpoint',
    durable: true,
    async run({ provider }) {
      const id = newId()
      const first = await provider().open(id)
      await first.write([{ key: bytes('a'), value: bytes('1') }], Uint8Array.of(0, 0xff, 1))
      await first.write([{ key: bytes('b'), value: bytes('2') }])
      await first.close()
      const second = await provider().open(id)
      check(hex(second.checkpoint) === '00ff01', `the checkpoint, got ${hex(second.checkpoint)}`)
      check(hex(await second.get(bytes('a'))) === hex(bytes('1')), 'the first write')
      check(hex(await second.get(bytes('b'))) === hex(bytes('2')), 'and one without a checkpoint')
      await second.write([], new Uint8Array(0))
      await second.close()
      const third = await provider().open(id)
      check(hex(third.checkpoint) === '', 'a checkpoint may be empty')
      check((await all(third)).length === 2, 'and is no entry')
      await third.destroy()
    },
  },
]
