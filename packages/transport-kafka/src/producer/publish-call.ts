import { BusbarError, type OutboundRecord, type RecordFailure, type RecordPosition } from '@busbar/core'

/** Calls that `flush` waits for together. */
export interface CallGroup {
  open: number
  onEmpty: (() => void) | undefined
}

/** One call of `send`: its records, what became of them, and the only promise there is for them. */
export class PublishCall {
  readonly promise: Promise<readonly RecordPosition[]>
  readonly records: readonly OutboundRecord[]
  /** The content size of each record, in bytes. */
  readonly sizes: readonly number[]
  readonly totalBytes: number
  /** When its publisher stops waiting, on the producer's clock. */
  readonly deadline: number
  readonly #group: CallGroup
  readonly #positions: RecordPosition[]
  #failures: RecordFailure[] | undefined
  #left: number
  #resolve!: (positions: readonly RecordPosition[]) => void
  #reject!: (error: BusbarError) => void

  constructor(
    records: readonly OutboundRecord[],
    sizes: readonly number[],
    deadline: number,
    group: CallGroup,
  ) {
    this.records = records
    this.sizes = sizes
    this.deadline = deadline
    this.#group = group
    this.#left = records.length
    // Filled in any order: of its full length from the start, as growing by leaps is slow.
    this.#positions = records.length === 1 ? [] : Array.from<RecordPosition>({ length: records.length })
    let total = 0
    for (let i = 0; i < sizes.length; i++) total += sizes[i] as number
    this.totalBytes = total
    group.open++
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** The record at `index` is stored. */
  stored(index: number, position: RecordPosition): void {
    this.#positions[index] = position
    if (--this.#left === 0) this.#finish()
  }

  /** The record at `index` is not stored, or not known to be. */
  failed(index: number, error: BusbarError): void {
    this.#failures ??= []
    this.#failures.push({ index, error })
    if (--this.#left === 0) this.#finish()
  }

  #finish(): void {
    if (this.#failures === undefined) this.#resolve(this.#positions)
    else this.#reject(this.#summary(this.#failures))
    if (--this.#group.open === 0) this.#group.onEmpty?.()
  }

  #summary(failures: RecordFailure[]): BusbarError {
    failures.sort((a, b) => a.index - b.index)
    const first = failures[0]?.error as BusbarError
    const total = this.records.length
    if (failures.length === total && failures.every(({ error }) => error.code === first.code)) return first
    const message = `${failures.length} of ${total} records were not stored; the first of them: ${first.message}`
    return new BusbarError('PUBLISH_PARTIAL', message, { cause: first, failures })
  }
}
