import type { DeliveryContext, EventContext } from '../context.js'
import { BusbarError, reasonOf } from '../error.js'
import type { IdempotencyStore } from '../idempotency-store.js'
import type { Middleware } from '../middleware.js'
import { positive } from '../validate.js'

export interface IdempotentOptions<Payload = unknown> {
  /** What makes two deliveries the same within a group and subscription. Default: the event's id. */
  readonly key?: (payload: Payload, context: EventContext<Payload>) => string
  /** How long a completed key is remembered, in milliseconds. Default: 7 days. */
  readonly ttlMs?: number
  /** How long a claim holds if its holder dies, in milliseconds; renewed while the handler runs. Default: 30,000. */
  readonly leaseMs?: number
}

const dayMs = 86_400_000

/**
 * Handles each (group, subscription, key) once: a delivery claims its key, runs, and marks it as completed; a duplicate
 * of a completed one is skipped (a request is answered with the stored reply); one that comes while the first still runs
 * waits and never runs beside it.
 *
 * The effect is repeated where the process dies between the effect and its mark. Where the mark joins the effect's own
 * transaction (see the Postgres store) there is one effect whatever dies when.
 */
export function idempotent<Payload = unknown>(store: IdempotencyStore, options: IdempotentOptions<Payload> = {}): Middleware {
  const ttlMs = positive('idempotent.ttlMs', options.ttlMs ?? 7 * dayMs)
  const leaseMs = positive('idempotent.leaseMs', options.leaseMs ?? 30_000)
  return {
    name: 'idempotent',
    stage: 'idempotent',
    async event(given, next) {
      const context = given as DeliveryContext
      const of = options.key?.(context.payload as Payload, given as EventContext<Payload>) ?? context.id
      const key = JSON.stringify([context.group, context.subscription, of])
      const token = await claim(store, key, leaseMs, context)
      if (token === undefined) return
      const stopRenewing = renewing(store, key, token, leaseMs, context)
      try {
        await next()
      } catch (thrown) {
        await stopRenewing()
        // The claim would run out by itself; releasing it only spares the next attempt the wait.
        await store.release(key, token).catch((error: unknown) => context.logger.warn({ err: error }, 'an idempotency claim could not be released'))
        throw thrown
      }
      await stopRenewing()
      await complete(store, key, token, ttlMs, context)
    },
  }
}

/** The token of a claim; undefined when the key was completed before, and this delivery is through. */
async function claim(store: IdempotencyStore, key: string, leaseMs: number, context: DeliveryContext): Promise<string | undefined> {
  for (;;) {
    const claimed = await store.claim(key, leaseMs)
    if (claimed.kind === 'claimed') return claimed.token
    if (claimed.kind === 'completed') {
      if (claimed.result) await context.replay?.(context, claimed.result)
      context.conclude('skipped')
      return undefined
    }
    // The holder may be done long before its lease ends: look again soon.
    await context.wait(Math.max(1, Math.min(claimed.leaseMs, leaseMs / 20, 1_000)))
  }
}

/** Renews a claim until the returned function is called; a claim that is lost aborts the handler. */
function renewing(store: IdempotencyStore, key: string, token: string, leaseMs: number, context: DeliveryContext): () => Promise<void> {
  let renewal: Promise<void> = Promise.resolve()
  let timer = context.runtime.setTimer(leaseMs / 3, renew)
  let stopped = false
  function renew(): void {
    renewal = store.renew(key, token, leaseMs).then(
      kept => {
        if (!kept) context.abort(lost(context))
      },
      (error: unknown) => context.logger.warn({ err: error }, `an idempotency claim could not be renewed: ${reasonOf(error)}`),
    ).then(() => {
      if (!stopped) timer = context.runtime.setTimer(leaseMs / 3, renew)
    })
  }
  return () => {
    stopped = true
    timer.cancel()
    return renewal
  }
}

/** The effect is done: a store that is away for a moment should not make it happen again. */
async function complete(store: IdempotencyStore, key: string, token: string, ttlMs: number, context: DeliveryContext): Promise<void> {
  const completion = context.result ? { ttlMs, result: context.result } : { ttlMs }
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (await store.complete(key, token, completion)) return
      break
    } catch (thrown) {
      if (attempt === 3 || context.ended) throw thrown
      await context.wait(50 * attempt)
    }
  }
  throw lost(context)
}

function lost(context: DeliveryContext): BusbarError {
  return new BusbarError(
    'CLAIM_LOST',
    `the claim of ${context.event} ${context.id} for ${context.subscription} ran out while its handler ran, and another delivery took it: make the handler faster or leaseMs longer`,
  )
}
