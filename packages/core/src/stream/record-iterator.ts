import type { EventContext } from '../context.js'
import { BusbarError } from '../error.js'
import { Fifo } from '../fifo.js'
import { handBack } from './hand-back.js'
import type { OpenStream, StreamSubscription } from './stream-source.js'

/**
 * Hands records to a loop, one after the other. Those that wait for their turn are unfinished deliveries: their number
 * has the bounds of these, at which the partitions pause.
 */
export class RecordIterator<T> implements AsyncIterableIterator<T> {
  readonly #open: OpenStream<T>
  /** What lets the next record have its turn. */
  readonly #queue = new Fifo<() => void>()
  #subscription: StreamSubscription | undefined
  /** A record is in the body of the loop, or about to be. */
  #hasTurn = false
  /** Tells what became of the record in the body. */
  #done: ((isFinished: boolean) => void) | undefined
  #wanted: ((result: IteratorResult<T>) => void) | undefined
  #hasEnded = false
  /** The last result that was asked for: who asks ahead waits for it. */
  #asked: Promise<unknown> | undefined

  constructor(open: OpenStream<T>) {
    this.#open = open
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<T>> {
    const before = this.#asked
    const asked = before ? before.then(() => this.#ask()) : this.#ask()
    const settled = () => {
      if (this.#asked === last) this.#asked = undefined
    }
    const last = asked.then(settled, settled)
    this.#asked = last
    return asked
  }

  #ask(): Promise<IteratorResult<T>> {
    this.#done?.(true)
    if (this.#hasEnded) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => {
      this.#wanted = resolve
      try {
        this.#subscription ??= this.#open(this.#handle, () => this.#end())
      } catch (thrown) {
        this.#hasEnded = true
        reject(BusbarError.from(thrown, 'INTERNAL', 'subscribing'))
      }
      this.#nextTurn()
    })
  }

  async return(): Promise<IteratorResult<T>> {
    this.#end()
    // The record in the body may have failed.
    this.#done?.(false)
    await this.#subscription?.close()
    return { done: true, value: undefined }
  }

  readonly #handle = async (value: T, context: EventContext): Promise<void> => {
    if (this.#hasTurn || !this.#wanted) await this.#turn(context)
    this.#hasTurn = true
    const { signal } = context
    try {
      const isFinished = await new Promise<boolean>((resolve, reject) => {
        const onAbort = () => reject(signal.reason as Error)
        this.#done = finished => {
          signal.removeEventListener('abort', onAbort)
          resolve(finished)
        }
        signal.addEventListener('abort', onAbort, { once: true })
        if (signal.aborted) onAbort()
        this.#answer({ done: false, value })
      })
      if (!isFinished) await handBack(context)
    } finally {
      this.#done = undefined
      this.#hasTurn = false
      this.#nextTurn()
    }
  }

  /** Waits without taking up room; rejects when the delivery ends meanwhile, and it is handed back. */
  async #turn(context: EventContext): Promise<void> {
    let isMine = false
    try {
      await context.waitFor(go => {
        let isWaiting = true
        this.#queue.push(() => {
          if (!isWaiting) return this.#nextTurn()
          isMine = true
          this.#hasTurn = true
          go()
        })
        return () => {
          isWaiting = false
        }
      })
    } catch (thrown) {
      if (isMine) {
        this.#hasTurn = false
        this.#nextTurn()
      }
      throw thrown
    }
  }

  #nextTurn(): void {
    if (!this.#hasTurn && this.#wanted) this.#queue.shift()?.()
  }

  #answer(result: IteratorResult<T>): void {
    const wanted = this.#wanted
    this.#wanted = undefined
    wanted?.(result)
  }

  #end(): void {
    this.#hasEnded = true
    this.#answer({ done: true, value: undefined })
  }
}
