import type { IdempotencyStore } from '../idempotency-store.js'
import { sleep, systemRuntime } from '../runtime.js'
import { check, claimed } from './idempotency-checks.js'

/** What an idempotency store is held to. */
export interface IdempotencyStoreHarness {
  /**
   * The store under test. May be asked more than once in a case: all results share their content, as processes do.
   */
  store(): IdempotencyStore
  /** Lets time pass for the store, in milliseconds. Default: the real time passes. */
  readonly wait?: (ms: number) => Promise<void>
}

/** One case: rejects with what is wrong. Keys are the case's own, so that cases can share a server. */
export interface IdempotencyStoreCase {
  readonly name: string
  readonly run: (harness: IdempotencyStoreHarness) => Promise<void>
}

const long = 60_000
/** Short enough to wait for. No case expects anything to happen within it: machines are slow at times. */
const short = 200

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const newKey = (): string => `case-${systemRuntime.uuid()}`
const wait = ({ wait: pass }: IdempotencyStoreHarness, ms: number): Promise<void> =>
  pass ? pass(ms) : sleep(systemRuntime, ms)

const oddKeys = [
  '',
  ' ',
  'with spaces\nand\tlines\r\n',
  'nul\0in the middle',
  'quotes \' " ` \\ $1 %s {} :',
  'group/subscription/id',
  'é as one character',
  'e\u0301 as two characters',
  'ключ 键 🔑',
  'UPPER',
  'upper',
  'x'.repeat(1_000),
  `${'x'.repeat(999)}y`,
  '🔑'.repeat(1_000),
]

/** Every case that a store must pass. */
export const idempotencyStoreCases: readonly IdempotencyStoreCase[] = [
  {
    name: 'a free key is claimed, and busy for everybody else, with the lease that is left',
    async run(harness) {
      const key = newKey()
      await claimed(harness.store(), key, long)
      const other = await harness.store().claim(key, long)
      check(other.kind === 'busy', `a second claim is busy, got ${other.kind}`)
      check(
        other.leaseMs > 0 && other.leaseMs <= long,
        `the lease left is in (0, ${long}], got ${other.leaseMs}`,
      )
    },
  },
  {
    name: 'a completed key gives its result, byte for byte, as often as it is asked for',
    async run(harness) {
      const store = harness.store()
      const results = [
        undefined,
        new Uint8Array(0),
        Uint8Array.from({ length: 256 }, (_, byte) => byte),
        new Uint8Array(200_000).fill(0xff),
      ]
      for (const result of results) {
        const key = newKey()
        const token = await claimed(store, key, long)
        const completion = result === undefined ? { ttlMs: long } : { ttlMs: long, result }
        check(await store.complete(key, token, completion), 'its holder can complete it')
        for (const asked of [store, harness.store()]) {
          const claim = await asked.claim(key, long)
          check(claim.kind === 'completed', `it is completed, got ${claim.kind}`)
          const same =
            result === undefined
              ? claim.result === undefined
              : claim.result instanceof Uint8Array && Buffer.compare(claim.result, result) === 0
          check(same, `a result of ${result?.length ?? 'no'} bytes comes back as it was`)
        }
      }
    },
  },
  {
    name: 'a released key can be claimed at once, with another token',
    async run(harness) {
      const [store, key] = [harness.store(), newKey()]
      const first = await claimed(store, key, long)
      await store.release(key, first)
      const second = await claimed(store, key, long)
      check(first !== second, 'every claim has a token of its own')
    },
  },
  {
    name: 'a claim whose lease ran out can be claimed; its old token is fenced off',
    async run(harness) {
      const [store, key] = [harness.store(), newKey()]
      const old = await claimed(store, key, short)
      await wait(harness, short * 1.5)
      const token = await claimed(harness.store(), key, long)
      check(!(await store.renew(key, old, long)), 'the old token cannot renew')
      check(
        !(await store.complete(key, old, { ttlMs: long, result: bytes('old') })),
        'the old token cannot complete',
      )
      await store.release(key, old)
      check((await store.claim(key, long)).kind === 'busy', 'the old token cannot release')
      check(
        await store.complete(key, token, { ttlMs: long, result: bytes('new') }),
        'the new token can complete',
      )
      const claim = await store.claim(key, long)
      check(
        claim.kind === 'completed' && Buffer.from(claim.result ?? []).toString() === 'new',
        'with its own result',
      )
    },
  },
  {
    name: 'a token whose lease ran out is worth nothing, even if nobody else came',
    async run(harness) {
      const [store, key] = [harness.store(), newKey()]
      const old = await claimed(store, key, short)
      await wait(harness, short * 1.5)
      check(!(await store.renew(key, old, long)), 'it cannot renew')
      check(!(await store.complete(key, old, { ttlMs: long })), 'it cannot complete')
      await store.release(key, old)
      await claimed(store, key, long)
    },
  },
  {
    name: 'a renewed claim has its new lease from the renewal on, be it longer or shorter',
    async run(harness) {
      const [store, key] = [harness.store(), newKey()]
      const token = await claimed(store, key, long / 2)
      check(await store.renew(key, token, long), 'its holder can renew it')
      const busy = await store.claim(key, long)
      check(busy.kind === 'busy' && busy.leaseMs > long / 2, 'it is claimed for longer than before')
      check(await store.renew(key, token, short), 'and again')
      await wait(harness, short * 1.5)
      await claimed(store, key, long)
    },
  },
  {
    name: 'a mark is gone after its time to live',
    async run(harness) {
      const [store, key] = [harness.store(), newKey()]
      const token = await claimed(store, key, long)
      check(
        await store.complete(key, token, { ttlMs: short, result: bytes('done') }),
        'its holder can complete it',
      )
      await wait(harness, short * 1.5)
      await claimed(store, key, long)
    },
  },
  {
    name: 'no token but the present one has any effect: invented, released, or of a completed key',
    async run(harness) {
      const [store, key] = [harness.store(), newKey()]
      const refused = async (token: string, what: string) => {
        check(!(await store.renew(key, token, long)), `${what} cannot renew`)
        check(
          !(await store.complete(key, token, { ttlMs: long, result: bytes('wrong') })),
          `${what} cannot complete`,
        )
        await store.release(key, token)
      }
      await refused('invented', 'an invented token of a free key')
      const released = await claimed(store, key, long)
      await store.release(key, released)
      await refused(released, 'a released token')
      const token = await claimed(store, key, long)
      await refused('invented', 'an invented token of a claimed key')
      await refused('', 'an empty token')
      check(
        await store.complete(key, token, { ttlMs: long, result: bytes('right') }),
        'the present token can complete',
      )
      await refused(token, 'a token that has completed')
      await refused('', 'an empty token of a completed key')
      const claim = await store.claim(key, long)
      check(
        claim.kind === 'completed' && Buffer.from(claim.result ?? []).toString() === 'right',
        'the mark stays',
      )
    },
  },
  {
    name: 'of 200 concurrent claims of one key exactly one wins, also when they take over from a dead holder',
    async run(harness) {
      const stores = [harness.store(), harness.store()]
      const race = async (key: string) => {
        const racing = Array.from({ length: 200 }, (_, i) =>
          (stores[i % 2] as IdempotencyStore).claim(key, long),
        )
        const claims = await Promise.all(racing)
        const won = claims.filter(claim => claim.kind === 'claimed').length
        check(won === 1, `one claim wins, got ${won}`)
        check(claims.filter(claim => claim.kind === 'busy').length === 199, 'all others are busy')
      }
      await race(newKey())
      const left = newKey()
      await claimed(harness.store(), left, short)
      await wait(harness, short * 1.5)
      await race(left)
    },
  },
  {
    name: 'keys are told apart to the last character, whatever is in them, up to 1,000 characters',
    async run(harness) {
      const store = harness.store()
      const prefix = newKey()
      const keys = oddKeys.map((odd, index) => prefix + (index < 11 ? odd : odd.slice(prefix.length)))
      const tokens = await Promise.all(keys.map(key => claimed(store, key, long)))
      for (const [index, key] of keys.entries()) {
        const result = bytes(String(index))
        check(
          await store.complete(key, tokens[index] as string, { ttlMs: long, result }),
          `${index} can be completed`,
        )
      }
      for (const [index, key] of keys.entries()) {
        const claim = await store.claim(key, long)
        const result = claim.kind === 'completed' ? Buffer.from(claim.result ?? []).toString() : claim.kind
        check(result === String(index), `key ${index} has its own result, got ${result}`)
      }
    },
  },
  {
    name: 'many keys at a time, each claimed, completed and found',
    async run(harness) {
      const store = harness.store()
      const prefix = newKey()
      const keys = Array.from({ length: 2_000 }, (_, i) => `${prefix}-${i}`)
      await Promise.all(
        keys.map(async key => {
          const token = await claimed(store, key, long)
          check(
            await store.complete(key, token, { ttlMs: long, result: bytes(key) }),
            `${key} can be completed`,
          )
        }),
      )
      await Promise.all(
        keys.map(async key => {
          const claim = await store.claim(key, long)
          const found = claim.kind === 'completed' && Buffer.from(claim.result ?? []).toString() === key
          check(found, `${key} is completed with its own result`)
        }),
      )
    },
  },
]
