import type { GroupCommit } from '@busbar/transport-memory'
import type { Bus } from '../bus.js'
import { BusbarError } from '../error.js'
import type { IdempotencyStore } from '../idempotency-store.js'
import type { OutboundRecord } from '../transport.js'
import type { SeededRandom } from './seeded-random.js'

/** How often things go wrong by themselves: probabilities from 0 to 1, drawn by the seed. Default of each: 0. */
export interface Chaos {
  /** A send fails, and nothing was stored. */
  readonly sendFails?: number
  /** A send fails, and yet everything was stored: a lost acknowledgement. */
  readonly sendFailsAfterwards?: number
  /** What is sent is stored twice. */
  readonly duplicate?: number
  /** A commit is lost; its member tries again a few milliseconds later. A transaction fails: its partitions begin anew. */
  readonly commitLost?: number
  /** A commit counts, and its member does not learn that. To a transaction it is the same as a failure. */
  readonly commitAnswerLost?: number
  /** Upon a send, some group shares out all of its partitions anew. */
  readonly rebalance?: number
  /** A call to a store that went through `faults.store(…)` fails, before or after it took effect. */
  readonly storeFails?: number
}

/** Which sends a planned fault strikes. */
export interface SendFault {
  /** Default: any topic. */
  readonly topic?: string
  /** How many sends. Default: 1. */
  readonly times?: number
}

/** Where a process dies that commits: with everything stored, positions and effects, or with nothing. */
export type CommitCrash = 'before' | 'after'

/** What becomes of a commit. */
export type CommitFate = 'counts' | 'lost' | 'answer lost' | 'dies before' | 'dies after'

/** What becomes of a send. */
export type SendFate = 'stored' | 'fails' | 'fails afterwards' | 'duplicate'

interface Planned {
  readonly fate: SendFate
  readonly topic: string | undefined
  left: number
}

/** Makes things fail: by plan, the next so many, or by chance, as `chaos` says. */
export class Faults {
  /** May be changed at any time. `{}` ends what happens by chance. */
  chaos: Chaos
  readonly #random: SeededRandom
  readonly #sends: Planned[] = []
  readonly #commits: { readonly fate: CommitFate; readonly onCrash?: (bus: Bus) => void }[] = []
  #storeCallsToFail = 0

  constructor(random: SeededRandom, chaos: Chaos) {
    this.#random = random
    this.chaos = chaos
  }

  /** The next sends fail; nothing is stored. */
  failSends(which: SendFault = {}): void {
    this.#plan('fails', which)
  }

  /** The next sends fail although everything was stored. */
  failSendsAfterwards(which: SendFault = {}): void {
    this.#plan('fails afterwards', which)
  }

  /** The next sends are stored twice. */
  duplicateSends(which: SendFault = {}): void {
    this.#plan('duplicate', which)
  }

  /** The next commits, of whatever group, are lost. */
  loseCommits(times = 1): void {
    for (let left = times; left > 0; left -= 1) this.#commits.push({ fate: 'lost' })
  }

  /** The next commits, of whatever group, count, and their members do not learn that. */
  loseCommitAnswers(times = 1): void {
    for (let left = times; left > 0; left -= 1) this.#commits.push({ fate: 'answer lost' })
  }

  /** The process that makes the next commit, of whatever group, dies of it. `onCrash` is called with its bus. */
  crashAtCommit(when: CommitCrash, onCrash: (bus: Bus) => void = () => {}): void {
    this.#commits.push({ fate: when === 'before' ? 'dies before' : 'dies after', onCrash })
  }

  /** The next calls to stores that went through {@link store} fail. */
  failStoreCalls(times = 1): void {
    this.#storeCallsToFail += times
  }

  /** The store, which fails when told to. */
  store(store: IdempotencyStore): IdempotencyStore {
    const call = async <T>(what: string, run: () => Promise<T>): Promise<T> => {
      const planned = this.#storeCallsToFail > 0
      if (planned) this.#storeCallsToFail -= 1
      if (!planned && !this.#random.chance(this.chaos.storeFails ?? 0)) return run()
      if (this.#random.chance(0.5)) await run()
      throw new Error(`injected fault: the store's ${what} failed`)
    }
    return {
      claim: (key, leaseMs) => call('claim', () => store.claim(key, leaseMs)),
      renew: (key, token, leaseMs) => call('renew', () => store.renew(key, token, leaseMs)),
      complete: (key, token, completion) => call('complete', () => store.complete(key, token, completion)),
      release: (key, token) => call('release', () => store.release(key, token)),
    }
  }

  /** Decides on one send. For the transport of a test bus. */
  fateOfSend(records: readonly OutboundRecord[]): SendFate {
    const strikes = ({ topic, left }: Planned) =>
      left > 0 && (topic === undefined || records.some(record => record.topic === topic))
    const planned = this.#sends.find(strikes)
    if (planned) {
      planned.left -= 1
      return planned.fate
    }
    const { sendFails = 0, sendFailsAfterwards = 0, duplicate = 0 } = this.chaos
    if (this.#random.chance(sendFails)) return 'fails'
    if (this.#random.chance(sendFailsAfterwards)) return 'fails afterwards'
    return this.#random.chance(duplicate) ? 'duplicate' : 'stored'
  }

  /** Decides on one commit. For the broker of a test bus. */
  fateOfCommit(_commit: GroupCommit): { readonly fate: CommitFate; readonly onCrash?: (bus: Bus) => void } {
    const planned = this.#commits.shift()
    if (planned) return planned
    if (this.#random.chance(this.chaos.commitLost ?? 0)) return { fate: 'lost' }
    return { fate: this.#random.chance(this.chaos.commitAnswerLost ?? 0) ? 'answer lost' : 'counts' }
  }

  /** The group to be shared out anew now, if any. For the transport of a test bus. */
  groupToRebalance(groups: readonly string[]): string | undefined {
    if (groups.length === 0 || !this.#random.chance(this.chaos.rebalance ?? 0)) return undefined
    return this.#random.pick(groups)
  }

  #plan(fate: SendFate, { topic, times = 1 }: SendFault): void {
    this.#sends.push({ fate, topic, left: times })
  }
}

/** What a send that was made to fail rejects with. */
export function sendFault(fate: 'fails' | 'fails afterwards'): BusbarError {
  return fate === 'fails'
    ? new BusbarError('PUBLISH_FAILED', 'injected fault: the send failed and stored nothing')
    : new BusbarError('PUBLISH_OUTCOME_UNKNOWN', 'injected fault: the acknowledgement of a send was lost')
}
