import { BusbarError } from '@busbar/core'
import type { BatchProducer } from '../record-batch.js'
import type { ControlLink } from './control-link.js'
import { newProducerId } from './control-protocol.js'
import { meaningOf } from './error-codes.js'

const lastEpoch = 32_767
const lastSequence = 0x7fff_ffff

/**
 * As whom we write one partition: a producer id, an epoch, and the next sequence. Brokers keep these per partition, so
 * that each partition has its own epoch and sequences here, though they share the producer id.
 */
export class ProducerIdentity {
  readonly producerId: bigint
  #epoch: number
  #next = 0

  constructor(producerId: bigint, epoch: number) {
    this.producerId = producerId
    this.#epoch = epoch
  }

  /** The identity of the next batch. It stays the same until `advance` or `restart`. */
  get next(): BatchProducer {
    return { producerId: this.producerId, epoch: this.#epoch, baseSequence: this.#next }
  }

  /** The next batch was stored with this many records. Sequences wrap to 0 after 2^31 - 1. */
  advance(records: number): void {
    this.#next =
      this.#next + records > lastSequence ? this.#next + records - lastSequence - 1 : this.#next + records
  }

  /**
   * Starts over at sequence 0 in the next epoch. From its first batch on, the broker refuses batches of earlier ones
   * (KIP-360), so that a batch that was given up can't be stored behind its successors by a late request.
   *
   * @returns Whether there was another epoch; if not, a new producer id is needed.
   */
  restart(): boolean {
    if (this.#epoch >= lastEpoch) return false
    this.#epoch++
    this.#next = 0
    return true
  }
}

/** Gets producer ids from the brokers: one for all partitions, and more for those that need one of their own. */
export class ProducerIds {
  readonly #control: ControlLink
  #shared: Promise<{ producerId: bigint; epoch: number }> | undefined
  #known: { producerId: bigint; epoch: number } | undefined

  constructor(control: ControlLink) {
    this.#control = control
  }

  /** An identity with the shared producer id, where it is known already. */
  get ready(): ProducerIdentity | undefined {
    return this.#known && new ProducerIdentity(this.#known.producerId, this.#known.epoch)
  }

  /** An identity with the shared producer id. Rejects with a `BusbarError`; may be called again then. */
  async shared(): Promise<ProducerIdentity> {
    this.#shared ??= this.#request().then(
      id => {
        this.#known = id
        return id
      },
      (error: unknown) => {
        this.#shared = undefined
        throw error
      },
    )
    const { producerId, epoch } = await this.#shared
    return new ProducerIdentity(producerId, epoch)
  }

  /** An identity with a producer id that no other partition has. */
  async own(): Promise<ProducerIdentity> {
    const { producerId, epoch } = await this.#request()
    return new ProducerIdentity(producerId, epoch)
  }

  async #request(): Promise<{ producerId: bigint; epoch: number }> {
    const { errorCode, producerId, epoch } = await this.#control.request(newProducerId())
    if (errorCode === 0) return { producerId, epoch }
    const { name, kind, code = 'PUBLISH_FAILED' } = meaningOf(errorCode)
    const hint = code === 'TOPIC_DENIED' ? '. Grant IdempotentWrite or Write, or set `idempotent: false`' : ''
    throw new BusbarError(code, `The broker gave no producer id: ${name}${hint}`, {
      retryable: kind === 'retry',
    })
  }
}
