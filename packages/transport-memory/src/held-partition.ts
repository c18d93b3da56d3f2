import { type Deliver, PartitionSession, type RefusedEffects, type Runtime } from '@busbar/core'
import type { ByteArena } from './byte-arena.js'
import { DeferredTask } from './deferred-task.js'
import type { PartitionLog } from './partition-log.js'
import { inboundOf } from './stored-record.js'

export interface HeldPartitionOptions {
  readonly log: PartitionLog
  /** The first position to fetch. */
  readonly start: number
  /** The position that the group has committed, which a start by `seek` or after a loss differs from. */
  readonly committed: number | undefined
  readonly deliver: Deliver
  readonly maxInFlight: number
  readonly runtime: Runtime
  readonly arena: ByteArena
  readonly paused: boolean
  readonly transactional: boolean
  /** What was refused of the effects of a record before. */
  readonly refused: (offset: number) => RefusedEffects | undefined
  /** Called whenever the committable position moved. */
  readonly onProgress: () => void
  /** Called when the log was trimmed past `position`, which goes on at `resetTo`. */
  readonly onOutOfRange: (position: number, resetTo: number) => void
}

/** A partition while a member holds it: moves records from the log to a session as long as that welcomes them. */
export class HeldPartition {
  readonly session: PartitionSession
  readonly #options: HeldPartitionOptions
  readonly #fetching: DeferredTask
  readonly #unwatch: () => void
  #paused: boolean
  #waiting = false

  constructor(options: HeldPartitionOptions) {
    const { log, start, deliver, maxInFlight, runtime, onProgress } = options
    this.#options = options
    this.#paused = options.paused
    this.session = new PartitionSession({
      topic: log.topic,
      partition: log.partition,
      start,
      deliver,
      runtime,
      maxInFlight,
      onProgress,
      committed: options.committed,
      transactional: options.transactional,
      refused: options.refused,
    })
    this.#fetching = new DeferredTask(runtime, () => this.#fetch())
    this.#unwatch = log.watch(() => this.#fetching.schedule())
    this.#fetching.schedule()
  }

  get log(): PartitionLog {
    return this.#options.log
  }

  pause(): void {
    this.#paused = true
    this.session.pause()
  }

  resume(): void {
    this.#paused = false
    this.session.resume()
    this.#fetching.schedule()
  }

  revoke(reason: unknown): void {
    this.#unwatch()
    this.session.revoke(reason)
  }

  #fetch(): void {
    const { session } = this
    const { log, runtime, arena, maxInFlight } = this.#options
    if (this.#paused || this.#waiting || session.signal.aborted) return
    if (!session.welcome) {
      this.#fetchAfter(session.whenWelcome())
      return
    }
    log.expire(runtime.now())
    const position = session.next
    if (position < log.start) {
      session.skipTo(log.start)
      this.#options.onOutOfRange(position, log.start)
    }
    const stored = log.read(session.next, maxInFlight - session.unfinished)
    if (stored.length === 0) return
    this.#fetchAfter(session.push(stored.map(record => inboundOf(record, log, arena))))
  }

  #fetchAfter(welcome: Promise<void>): void {
    this.#waiting = true
    void welcome.then(() => {
      this.#waiting = false
      this.#fetching.schedule()
    })
  }
}
