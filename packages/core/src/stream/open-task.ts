import { BusbarError } from '../error.js'
import type { Logger } from '../logger.js'
import { type Runtime, sleep } from '../runtime.js'
import type { StateProvider, StateStore, StateStoreId } from '../state/state-store.js'
import type { InboundRecord, Transport } from '../transport.js'
import { decodeCheckpoint } from './checkpoint.js'
import { streamTimeHeader } from './task.js'
import { TaskStore, type TaskStoreSpec } from './task-store.js'

export interface StoreOpening {
  readonly group: string
  readonly partition: number
  readonly transport: Pick<Transport, 'read'>
  readonly runtime: Runtime
  readonly logger: Logger
  /** Ends the waiting for a store that another has open. */
  readonly signal: AbortSignal
  /** Records of a changelog are in the store. */
  readonly onProgress?: () => void
}

const lockRetryMs = 50
const lockTriesPerWarning = 200
/**
 * A store that was left for longer is made anew: a compacted topic forgets its deletions after a while (`delete.retention.ms`,
 * a day by default), and a store that missed them would keep what was deleted.
 */
const maxAbsenceMs = 12 * 60 * 60 * 1_000

/** An open store, and what is left to read of its changelog. */
export class OpenStore {
  readonly store: TaskStore
  readonly #opening: StoreOpening
  #next: number | undefined

  constructor(store: TaskStore, next: number | undefined, opening: StoreOpening) {
    this.store = store
    this.#next = next
    this.#opening = opening
  }

  /**
   * Reads the changelog from where the store is up to its end. Rejects with `POSITION_OUT_OF_RANGE` when it is not the
   * changelog that the store was made from.
   */
  async catchUp(): Promise<void> {
    const { transport, partition, signal } = this.#opening
    const { changelog: topic } = this.store.spec
    const from = this.#next ?? 'earliest'
    const reader = await transport.read(
      { topic, partitions: [partition], from, until: 'end' },
      async records => {
        if (!signal.aborted) await this.#take(records)
      },
    )
    try {
      await reader.closed
    } finally {
      await reader[Symbol.asyncDispose]()
    }
  }

  async #take(records: readonly InboundRecord[]): Promise<void> {
    const last = records.at(-1)
    if (!last) return
    const changes = records.flatMap(({ key, value }) => (key ? [{ key, value: value ?? undefined }] : []))
    const streamTimeMs = Math.max(this.store.streamTimeMs, ...records.map(streamTimeOf))
    await this.store.restore({ changes, position: last.offset + 1, streamTimeMs })
    this.#next = last.offset + 1
    this.#opening.onProgress?.()
  }
}

/** Opens a store, waiting for whoever has it open, and brings it to the end of its changelog. */
export async function openStore(spec: TaskStoreSpec, opening: StoreOpening): Promise<OpenStore> {
  for (;;) {
    const opened = await openOnce(spec, opening)
    try {
      await opened.catchUp()
      return opened
    } catch (thrown) {
      if (!(thrown instanceof BusbarError && thrown.code === 'POSITION_OUT_OF_RANGE')) {
        await opened.store.close()
        throw thrown
      }
      warn(spec, opening, 'the stored state is ahead of its changelog, or far behind: it is made anew')
      await opened.store.close()
      await spec.state.destroy(idOf(spec, opening))
    }
  }
}

async function openOnce(spec: TaskStoreSpec, opening: StoreOpening): Promise<OpenStore> {
  const { runtime } = opening
  const { state } = spec
  const id = idOf(spec, opening)
  let store = await openWaiting(state, id, spec, opening)
  let checkpoint = decodeCheckpoint(store.checkpoint)
  if (store.checkpoint && (!checkpoint || runtime.now() - checkpoint.writtenAtMs > maxAbsenceMs)) {
    await store.destroy()
    store = await openWaiting(state, id, spec, opening)
    checkpoint = undefined
  }
  return new OpenStore(
    new TaskStore(spec, store, checkpoint?.streamTimeMs ?? -1, opening),
    checkpoint?.position,
    opening,
  )
}

async function openWaiting(
  state: StateProvider,
  id: StateStoreId,
  spec: TaskStoreSpec,
  opening: StoreOpening,
): Promise<StateStore> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await state.open(id)
    } catch (thrown) {
      if (!(thrown instanceof BusbarError)) throw thrown
      if (thrown.code === 'STATE_CORRUPT') {
        warn(spec, opening, `${thrown.message}: it is made anew`)
        await state.destroy(id)
      } else if (thrown.code === 'STATE_LOCKED') {
        // Whoever had the partition before is about to let go of it.
        if (attempt % lockTriesPerWarning === 0) warn(spec, opening, `${thrown.message}: waiting for it`)
        await sleep(opening.runtime, lockRetryMs, opening.signal)
      } else {
        throw thrown
      }
    }
  }
}

function idOf({ name }: TaskStoreSpec, { group, partition }: StoreOpening): StateStoreId {
  return { group, store: name, partition }
}

function streamTimeOf({ headers }: InboundRecord): number {
  const header = headers[streamTimeHeader]
  const time = header instanceof Uint8Array ? Number(Buffer.from(header).toString('latin1')) : Number.NaN
  return Number.isFinite(time) ? time : -1
}

function warn({ name }: TaskStoreSpec, { group, partition, logger }: StoreOpening, message: string): void {
  logger.warn({ group, partition, store: name }, message)
}
