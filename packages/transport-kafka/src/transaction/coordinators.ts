import { BusbarError, type Runtime, reasonOf, sleep } from '@busbar/core'
import { isFinal, kafkaError } from '../kafka-error.js'
import type { Broker, Protocol } from '../kafkajs-internals.js'
import type { BrokerAddress } from '../producer/connect-broker.js'
import type { ControlLink } from '../producer/control-link.js'
import { backoffMs, type ProducerSettings } from '../producer/producer-options.js'
import type { BrokerLanes } from './broker-lanes.js'
import { aborted, failureOf, TransactionFailure, verdictOf } from './transaction-failure.js'
import { type Answer, coordinatorType, findCoordinator } from './transaction-protocol.js'

export interface CoordinatorsOptions {
  readonly lanes: BrokerLanes
  readonly control: ControlLink
  readonly settings: ProducerSettings
}

/** How long something may be tried, and what ends that before. */
export interface Attempt {
  /** On the producer's clock. */
  readonly until: number
  readonly signal: AbortSignal
}

export interface CoordinatorRequest<T extends Answer> extends Attempt {
  readonly of: keyof typeof coordinatorType
  /** The group or the transactional id. */
  readonly key: string
  readonly lane: string
  /** The beginning of a message where it fails. */
  readonly doing: string
  readonly protocol: (broker: Broker) => Protocol<T>
  /**
   * Whether it must not be sent again once it may have arrived: then no answer, or one that leaves it open, is a failure
   * of the kind `unknown`.
   */
  readonly once?: boolean
}

/** How long to wait where it passes within milliseconds. */
const soonMs = 5

/** Asks the coordinators of groups and transactional ids, wherever they are, until they answer. */
export class Coordinators {
  readonly #options: CoordinatorsOptions
  readonly #known = new Map<string, BrokerAddress>()

  constructor(options: CoordinatorsOptions) {
    this.#options = options
  }

  /** The answer, without an error code. @throws TransactionFailure */
  async ask<T extends Answer>(request: CoordinatorRequest<T>): Promise<T> {
    const { settings } = this.#options
    let isOpen = false
    let refusal: TransactionFailure | undefined
    for (let failures = 1; ; failures++) {
      let isWritten = false
      const told = await this.#askOnce(request, () => {
        isWritten = true
      })
      if (told.answer?.errorCode === 0) return told.answer
      if (request.once && isWritten && !told.answer)
        throw new TransactionFailure('unknown', told.failure.error)
      const isLate = settings.clock() >= request.until
      if (!told.passes || isLate || request.signal.aborted) {
        // The last attempt may have had no time left for an answer: what the one before was told says more.
        const reason = told.answer ? told.failure : (refusal ?? told.failure)
        const failure = told.passes && isLate ? tooLate(reason) : told.failure
        throw isOpen ? new TransactionFailure('unknown', failure.error) : failure
      }
      // A coordinator that could not finish may have done it all the same.
      if (request.once && told.answer) isOpen = true
      refusal = told.answer ? told.failure : undefined
      await pause(settings.runtime, told.soon ? soonMs : backoffMs(settings, failures), request.signal)
    }
  }

  async #askOnce<T extends Answer>(request: CoordinatorRequest<T>, onWrite: () => void): Promise<Told<T>> {
    const { lanes, settings } = this.#options
    const { of, key, lane, doing, protocol } = request
    const name = `${of} ${key}`
    try {
      const address = this.#known.get(name) ?? (await this.#find(request))
      this.#known.set(name, address)
      const timeoutMs = Math.min(settings.requestTimeoutMs, Math.max(1, request.until - settings.clock()))
      const answer = await lanes.request({ address, lane, timeoutMs, protocol, onWrite })
      const { kind, moved, soon } = verdictOf(answer.errorCode)
      if (moved) this.#known.delete(name)
      return {
        answer,
        passes: kind === 'retry',
        soon: soon === true,
        failure: failureOf(answer.errorCode, doing),
      }
    } catch (error) {
      this.#known.delete(name)
      if (error instanceof TransactionFailure)
        return { passes: error.error.retryable, soon: false, failure: error }
      const cause = kafkaError(error, { doing, fallback: 'CONNECTION_FAILED' })
      const isOver = isFinal(cause) || cause.code === 'BUS_CLOSED'
      const code = isOver ? cause.code : 'TRANSACTION_FAILED'
      const failure = aborted(`${doing}: ${reasonOf(cause)}`, { code, cause })
      return { passes: !isOver, soon: false, failure }
    }
  }

  async #find({ of, key, doing }: CoordinatorRequest<Answer>): Promise<BrokerAddress> {
    const found = await this.#options.control.request(findCoordinator(key, coordinatorType[of]))
    if (found.errorCode !== 0) throw failureOf(found.errorCode, `${doing}: its coordinator`)
    return found
  }
}

interface Told<T> {
  /** Absent where none came. */
  readonly answer?: T
  /** Whether the same may be tried again. */
  readonly passes: boolean
  readonly soon: boolean
  /** What it means where it is not tried again. */
  readonly failure: TransactionFailure
}

/** The same failure of what was tried until its time was over. */
export function tooLate({ kind, error }: TransactionFailure): TransactionFailure {
  const message = `${error.message}; it was tried for as long as \`transactionTimeoutMs\` allows`
  return new TransactionFailure(kind, new BusbarError(error.code, message, { cause: error }))
}

/** Resolves early where the signal aborts. */
export async function pause(runtime: Runtime, ms: number, signal: AbortSignal): Promise<void> {
  await sleep(runtime, ms, signal).catch(() => {})
}
