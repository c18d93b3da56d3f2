import type { Next } from '../compose.js'
import type { DeliveryContext, EventContext } from '../context.js'
import { BusbarError, reasonOf } from '../error.js'
import type { Completion, IdempotencyStore } from '../idempotency-store.js'
import type { Middleware } from '../middleware.js'
import { sleep } from '../runtime.js'
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
export function idempotent<Payload = unknown>(
  store: IdempotencyStore,
  options: IdempotentOptions<Payload> = {},
): Middleware {
  const ttlMs = positive('idempotent.ttlMs', options.ttlMs ?? 7 * dayMs)
  const leaseMs = positive('idempotent.leaseMs', options.leaseMs ?? 30_000)
  const turns = new Turns()
  return {
    name: 'idempotent',
    stage: 'idempotent',
    async event(given, next) {
      const context = given as DeliveryContext
      const of = options.key?.(context.payload as Payload, given as EventContext<Payload>) ?? context.id
      const key = JSON.stringify([context.group, context.subscription, of])
      const endTurn = await turns.take(key, context)
      try {
        await once(store, key, { ttlMs, leaseMs }, context, next)
      } finally {
        endTurn()
      }
    },
  }
}

interface Times {
  readonly ttlMs: number
  readonly leaseMs: number
}

/** Deliveries of one key take turns within this process, in the order in which they came, whatever the store's. */
class Turns {
  readonly #turns = new Map<string, Turn>()

  /** Resolves with what ends the turn. */
  async take(key: string, context: DeliveryContext): Promise<() => void> {
    for (let turn = this.#turns.get(key); turn; turn = this.#turns.get(key)) {
      // A handler that goes on although its delivery has ended holds up nobody: the store says when its claim is over.
      if (turn.context.signal.aborted) break
      await turn.end(context)
    }
    const turn = new Turn(context)
    this.#turns.set(key, turn)
    return () => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key)
      turn.over()
    }
  }
}

class Turn {
  readonly context: DeliveryContext
  #waiting: (() => void)[] = []

  constructor(context: DeliveryContext) {
    this.context = context
  }

  /** Resolves when it is over, or soon, to look whether its delivery has ended. */
  end(waiter: DeliveryContext): Promise<void> {
    return waiter.waitFor(go => {
      const cancel = () => {
        timer.cancel()
        this.#waiting = this.#waiting.filter(other => other !== wake)
      }
      const wake = () => {
        cancel()
        go()
      }
      const timer = waiter.runtime.setTimer(1_000, wake)
      this.#waiting.push(wake)
      return cancel
    })
  }

  over(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

async function once(
  store: IdempotencyStore,
  key: string,
  { ttlMs, leaseMs }: Times,
  context: DeliveryContext,
  next: Next,
): Promise<void> {
  const token = await claim(store, key, leaseMs, context)
  if (token === undefined) return
  const stopRenewing = renewing(store, key, token, leaseMs, context)
  // The claim would run out by itself; releasing it only spares the next delivery the wait.
  const release = () =>
    store
      .release(key, token)
      .catch((error: unknown) =>
        context.logger.warn({ err: error }, 'an idempotency claim could not be released'),
      )
  try {
    await next()
  } catch (thrown) {
    await stopRenewing()
    // Where it can't be encoded there is no answer to keep; sending it says why.
    const result = await context.resultOf?.(thrown)?.catch(() => undefined)
    if (result) {
      const mark = complete(store, key, token, { ttlMs, result }, leaseMs, context)
      await mark.catch((error: unknown) =>
        context.logger.warn({ err: error }, 'an answer could not be remembered for duplicates'),
      )
    } else await release()
    throw thrown
  }
  await stopRenewing()
  if (context.conclusion === 'skipped') {
    await release()
    return
  }
  const { result } = context
  await complete(store, key, token, result ? { ttlMs, result } : { ttlMs }, leaseMs, context)
}

/** The token of a claim; undefined when the key was completed before, and this delivery is through. */
async function claim(
  store: IdempotencyStore,
  key: string,
  leaseMs: number,
  context: DeliveryContext,
): Promise<string | undefined> {
  for (;;) {
    const claimed = await store.claim(key, leaseMs)
    if (claimed.kind === 'claimed') return claimed.token
    if (claimed.kind === 'completed') {
      if (claimed.result) await context.replay?.(context, claimed.result)
      context.conclude('skipped', 'duplicate')
      return undefined
    }
    // The holder may be done long before its lease ends: look again soon.
    await context.wait(Math.max(1, Math.min(claimed.leaseMs, leaseMs / 20, 1_000)))
  }
}

/** Renews a claim until the returned function is called; a claim that is lost aborts the handler. */
function renewing(
  store: IdempotencyStore,
  key: string,
  token: string,
  leaseMs: number,
  context: DeliveryContext,
): () => Promise<void> {
  let renewal: Promise<void> = Promise.resolve()
  let timer = context.runtime.setTimer(leaseMs / 3, renew)
  let stopped = false
  function renew(): void {
    // The delivery has ended and comes again elsewhere: a handler that ignores its signal keeps the key from nobody.
    if (context.signal.aborted) return
    renewal = store
      .renew(key, token, leaseMs)
      .then(
        kept => {
          if (!kept) context.abort(lost(context))
        },
        (error: unknown) =>
          context.logger.warn(
            { err: error },
            `an idempotency claim could not be renewed: ${reasonOf(error)}`,
          ),
      )
      .then(() => {
        if (!stopped) timer = context.runtime.setTimer(leaseMs / 3, renew)
      })
  }
  return () => {
    stopped = true
    timer.cancel()
    return renewal
  }
}

/** The effect is done: a store that is away should not make it happen again, so it is asked for as long as the claim holds. */
async function complete(
  store: IdempotencyStore,
  key: string,
  token: string,
  completion: Completion,
  leaseMs: number,
  context: DeliveryContext,
): Promise<void> {
  const { runtime } = context
  const endsAtMs = runtime.now() + leaseMs
  for (let delayMs = 50; ; delayMs = Math.min(1_000, delayMs * 2)) {
    try {
      if (await store.complete(key, token, completion)) return
      break
    } catch (thrown) {
      if (runtime.now() + delayMs > endsAtMs) throw thrown
      context.logger.warn({ err: thrown }, 'an idempotency key could not be completed: it is tried again')
      await sleep(runtime, delayMs, context.signal)
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
