import { BusbarError } from '@busbar/core'
import type { PublishCall } from './publish-call.js'

export interface SendBufferLimits {
  readonly maxRecords: number
  /** Of keys, values and headers. */
  readonly maxBytes: number
}

/** Bounds what is accepted and not settled. At the limit calls wait, in order; waiting has the same bound again. */
export class SendBuffer {
  readonly #limits: SendBufferLimits
  readonly #admit: (call: PublishCall) => void
  readonly #waiting: PublishCall[] = []
  #records = 0
  #bytes = 0
  #waitingRecords = 0
  #waitingBytes = 0
  #admitting = false

  /** @param admit Takes a call on; called in the order of the calls. */
  constructor(limits: SendBufferLimits, admit: (call: PublishCall) => void) {
    this.#limits = limits
    this.#admit = admit
  }

  /** Whether anything is accepted or waiting. */
  get busy(): boolean {
    return this.#records > 0 || this.#waiting.length > 0
  }

  /** Admits a call now or later, or refuses it. */
  add(call: PublishCall): void {
    const { maxRecords, maxBytes } = this.#limits
    if (this.#waiting.length === 0 && this.#fits(call)) {
      this.#take(call)
    } else if (this.#waitingRecords >= maxRecords || this.#waitingBytes >= maxBytes) {
      fail(call, `${this.#records + this.#waitingRecords} records are waiting to be stored`)
    } else {
      this.#waiting.push(call)
      this.#waitingRecords += call.records.length
      this.#waitingBytes += call.totalBytes
    }
  }

  /** What was settled makes room. */
  release(settled: { readonly records: number; readonly bytes: number }): void {
    this.#records -= settled.records
    this.#bytes -= settled.bytes
    // Taking a call on may settle records of it at once, which comes here again.
    if (this.#admitting) return
    this.#admitting = true
    let admitted = 0
    while (admitted < this.#waiting.length && this.#fits(this.#waiting[admitted] as PublishCall)) {
      this.#take(this.#waiting[admitted] as PublishCall)
      admitted++
    }
    this.#leave(admitted)
    this.#admitting = false
  }

  /** Refuses the calls that have waited too long. */
  expire(now: number): void {
    let late = 0
    while (late < this.#waiting.length && (this.#waiting[late] as PublishCall).deadline <= now) late++
    for (const call of this.#leave(late)) fail(call, 'no room became free in time')
  }

  #leave(count: number): PublishCall[] {
    if (count === 0) return []
    const left = this.#waiting.splice(0, count)
    for (const call of left) {
      this.#waitingRecords -= call.records.length
      this.#waitingBytes -= call.totalBytes
    }
    return left
  }

  /** A call that is larger than the limit has its turn once there is nothing else. */
  #fits(call: PublishCall): boolean {
    if (this.#records === 0) return true
    const { maxRecords, maxBytes } = this.#limits
    return this.#records + call.records.length <= maxRecords && this.#bytes + call.totalBytes <= maxBytes
  }

  #take(call: PublishCall): void {
    this.#records += call.records.length
    this.#bytes += call.totalBytes
    this.#admit(call)
  }
}

function fail(call: PublishCall, why: string): void {
  const error = new BusbarError('PUBLISH_QUEUE_FULL', `The limit of buffered publishes is reached: ${why}`)
  for (let i = 0; i < call.records.length; i++) call.failed(i, error)
}
