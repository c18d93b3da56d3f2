import type { Effects, OutboundRecord } from './transport.js'

/** What one ownership keeps of effects until they are committed; what goes over waits for a commit. */
export const effectLimits = { records: 10_000, bytes: 8 * 1024 * 1024 } as const

let acknowledged = 0

/**
 * The effects of the finished records of one partition: those that are behind an unfinished record, which wait, and in
 * the order of the log those that a commit would take.
 */
export class EffectQueue {
  /** By position. Not in order: records finish in any. */
  readonly #waiting = new Map<number, Sized>()
  #ready: (ReadyEffects & Sized)[] = []
  /** Of both kinds. */
  readonly #kept = { records: 0, bytes: 0 }
  readonly #due = { records: 0, bytes: 0 }

  /** Whether as much is kept as may be. */
  get isFull(): boolean {
    return this.#kept.records >= effectLimits.records || this.#kept.bytes >= effectLimits.bytes
  }

  /** Whether what a commit would take has reached half of what may be kept. */
  get isDue(): boolean {
    return this.#due.records * 2 >= effectLimits.records || this.#due.bytes * 2 >= effectLimits.bytes
  }

  /** Keeps what the acknowledgement of a position brought. */
  add(position: number, effects: Effects): void {
    const size = { records: effects.records.length, bytes: bytesOf(effects.records) }
    acknowledged += 1
    this.#waiting.set(position, { effects, order: acknowledged, ...size })
    count(this.#kept, size, 1)
  }

  /** The committable prefix passes a position. To be called in order, for every position that is finished. */
  pass(position: number): void {
    const sized = this.#waiting.get(position)
    if (!sized) return
    this.#waiting.delete(position)
    this.#ready.push({ position, ...sized })
    count(this.#due, sized, 1)
  }

  /** What a commit would take, in order. */
  ready(): readonly ReadyEffects[] {
    return this.#ready.slice()
  }

  /** Lets go of what stands below a position that was committed. */
  drop(below: number): void {
    const index = this.#ready.findIndex(({ position }) => position >= below)
    const dropped = index < 0 ? this.#ready : this.#ready.slice(0, index)
    this.#ready = index < 0 ? [] : this.#ready.slice(index)
    for (const each of dropped) {
      count(this.#kept, each, -1)
      count(this.#due, each, -1)
    }
  }

  clear(): void {
    this.#waiting.clear()
    this.#ready = []
    for (const size of [this.#kept, this.#due]) Object.assign(size, { records: 0, bytes: 0 })
  }
}

/** What came with the acknowledgement of one position. */
export interface ReadyEffects {
  readonly position: number
  /** Grows with each acknowledgement in this process. */
  readonly order: number
  readonly effects: Effects
}

interface Size {
  records: number
  bytes: number
}

interface Sized extends Readonly<Size> {
  readonly effects: Effects
  readonly order: number
}

function count(total: Size, { records, bytes }: Readonly<Size>, sign: 1 | -1): void {
  total.records += sign * records
  total.bytes += sign * bytes
}

function bytesOf(records: readonly OutboundRecord[]): number {
  let bytes = 0
  for (const { key, value, headers } of records) {
    bytes += (key?.byteLength ?? 0) + (value?.byteLength ?? 0)
    for (const name of Object.keys(headers)) {
      for (const each of [headers[name] ?? ''].flat() as (string | Uint8Array)[])
        bytes += name.length + each.length
    }
  }
  return bytes
}
