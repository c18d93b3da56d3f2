import type { DeliveryReport, OutboundRecord } from '@busbar/core'
import { subscriptionsOf } from './contracts.js'
import type { Violations } from './violations.js'

interface Published {
  readonly event: string
  readonly id: string
}

/**
 * Watches what comes of everything. Promises: **no loss**, **one effect**, and outcomes that are true: what is reported as
 * done has had its effect, what is reported as moved stands where it was moved to.
 */
export class EffectOracle {
  readonly #violations: Violations
  readonly #published: Published[] = []
  /** Handlers that ran to their end, by subscription and id. */
  readonly #effects = new Map<string, number>()
  readonly #marks = new Map<string, number>()
  /** Records that stand in dead-letter and retry topics. */
  readonly #moved = new Set<string>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  get effects(): number {
    return this.#effects.size
  }

  published(event: string, id: string): void {
    this.#published.push({ event, id })
  }

  stored(records: readonly OutboundRecord[]): void {
    for (const { topic, headers } of records) {
      const [id, subscription] = [headers['ce_id'], headers['busbar-subscription']]
      if (subscription !== undefined) this.#moved.add(`${kindOf(topic)} ${text(subscription)} ${text(id)}`)
    }
  }

  effect(subscription: string, id: string): void {
    const of = `${subscription} ${id}`
    this.#effects.set(of, (this.#effects.get(of) ?? 0) + 1)
  }

  /** A mark of completion in the store. */
  marked(key: string): void {
    const [, subscription, id] = JSON.parse(key) as [string, string, string]
    const of = `${subscription} ${id}`
    if (!subscription.endsWith('quote') && !this.#effects.has(of)) {
      this.#violations.add('one effect', `${of} was marked as completed before its effect`)
    }
    const marks = (this.#marks.get(of) ?? 0) + 1
    this.#marks.set(of, marks)
    if (marks > 1) this.#violations.add('one effect', `${of} has ${marks} completed marks`)
  }

  report({ outcome, subscription, id, event }: DeliveryReport): void {
    const of = `${subscription} ${id}`
    const isWrong = {
      done: event !== 'quote' && !this.#effects.has(of),
      // A request is skipped once its requester has stopped waiting.
      skipped: event !== 'quote' && !this.#marks.has(of),
      'dead-lettered': !this.#moved.has(`dead-letter ${of}`),
      rescheduled: !this.#moved.has(`retry ${of}`),
      'handed back': false,
    }[outcome]
    if (isWrong) this.#violations.add('one outcome', `${of} was reported as ${outcome}, and is not`)
  }

  /** When everything is drained: what is neither handled nor a dead letter? After the redrive: what is not handled? */
  finish(deadLetters: ReadonlySet<string>): void {
    for (const { event, id } of this.#published) {
      for (const subscription of subscriptionsOf[event] ?? []) {
        const of = `${subscription} ${id}`
        if (!this.#effects.has(of) && !deadLetters.has(of)) this.#violations.add('no loss', `${of} is lost`)
      }
    }
  }

  /** Where nothing was killed and no store failed, an idempotent subscription has each effect once. */
  finishOnce(subscription: string): void {
    for (const [of, times] of this.#effects) {
      if (times > 1 && of.startsWith(`${subscription} `))
        this.#violations.add('one effect', `${of} happened ${times} times`)
    }
  }
}

function kindOf(topic: string): 'dead-letter' | 'retry' {
  return topic.endsWith('.dlq') ? 'dead-letter' : 'retry'
}

function text(header: OutboundRecord['headers'][string] | undefined): string {
  return typeof header === 'string' ? header : Buffer.from((header ?? []) as Uint8Array).toString()
}
