import { BusbarError, type RecordFailure } from './error.js'
import type { OutboundRecord, RecordPosition } from './transport.js'

type SendRecords = (records: readonly OutboundRecord[]) => Promise<readonly RecordPosition[]>

interface Gathered {
  readonly index: number
  readonly record: OutboundRecord
  readonly resolve: (position: RecordPosition | undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * Brings the records of one batch together again at the innermost point of their onions: they go to the transport as
 * one call, in the order of the batch, however long each one's middleware takes.
 */
export class PublishGathering {
  #unfinished: number
  #gathered: Gathered[] = []
  readonly #send: SendRecords

  /** @param size how many onions are started. */
  constructor(size: number, send: SendRecords) {
    this.#unfinished = size
    this.#send = send
  }

  /** Resolves when the record is stored: where, unless others of the batch were refused. */
  join(index: number, record: OutboundRecord): Promise<RecordPosition | undefined> {
    return new Promise((resolve, reject) => {
      this.#gathered.push({ index, record, resolve, reject })
      this.#sendIfComplete()
    })
  }

  /** One onion has ended. */
  left(): void {
    this.#unfinished -= 1
    this.#sendIfComplete()
  }

  #sendIfComplete(): void {
    if (this.#gathered.length === 0 || this.#gathered.length < this.#unfinished) return
    const gathered = this.#gathered.sort((one, other) => one.index - other.index)
    this.#gathered = []
    this.#send(gathered.map(each => each.record)).then(
      positions => {
        for (const [at, each] of gathered.entries()) each.resolve(positions[at])
      },
      (thrown: unknown) => {
        const refused =
          thrown instanceof BusbarError && thrown.code === 'PUBLISH_PARTIAL'
            ? failuresByIndex(thrown)
            : undefined
        for (const [at, each] of gathered.entries()) {
          if (!refused) each.reject(thrown)
          else if (refused.has(at)) each.reject(refused.get(at))
          else each.resolve(undefined)
        }
      },
    )
  }
}

function failuresByIndex(error: BusbarError): ReadonlyMap<number, BusbarError> | undefined {
  return error.failures.length > 0
    ? new Map(error.failures.map(failure => [failure.index, failure.error]))
    : undefined
}

/** All results, or `PUBLISH_PARTIAL` with what failed; the one error itself where all failed with it. */
export async function settleAll<T>(publishes: readonly Promise<T>[]): Promise<readonly T[]> {
  const results: T[] = []
  const failures: RecordFailure[] = []
  for (const [index, result] of (await Promise.allSettled(publishes)).entries()) {
    if (result.status === 'fulfilled') results.push(result.value)
    else
      failures.push({
        index,
        error: BusbarError.from(result.reason, 'PUBLISH_FAILED', `publishing record ${index}`),
      })
  }
  const first = failures[0]?.error
  if (!first) return results
  if (failures.length === publishes.length && failures.every(({ error }) => error === first)) throw first
  const message = `${failures.length} of ${publishes.length} records were not published, the first because: ${first.message}`
  throw new BusbarError('PUBLISH_PARTIAL', message, {
    failures,
    cause: first,
    retryable: failures.some(({ error }) => error.retryable),
  })
}
