import { BusbarError, type EventContext, type Middleware } from '@busbar/core'
import type { Pool } from 'pg'
import { DeliveryTransaction } from './delivery-transaction.js'
import { ExpiredRows } from './expired-rows.js'
import { postgresClient } from './postgres-client.js'
import { milliseconds } from './postgres-store.js'
import { storeKey } from './store-key.js'
import { quotedTable } from './table-name.js'

export interface TransactionalOptions {
  /** `table` or `schema.table` of the marks, made by {@link migrate}. Default: `busbar_idempotency`. */
  readonly table?: string
  /** How long a mark is kept, in milliseconds: a duplicate that comes later runs again. Default: 7 days. */
  readonly ttlMs?: number
  /** What makes two deliveries the same within a group and subscription. Default: the event's id. */
  readonly key?: (context: EventContext) => string
  /** Default: the server's, usually `read committed`. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
}

const dayMs = 86_400_000
const firstPauseMs = 20
const longestPauseMs = 1_000

/**
 * Runs the handler within a Postgres transaction that also marks the delivery: effect and mark commit together, or
 * neither does, whatever dies when. So each (group, subscription, event id) has one effect, if the handler has it through
 * `context.values.get(postgresClient)` and leaves beginning and ending the transaction to this middleware.
 *
 * A duplicate of a committed delivery is skipped; one that comes while the first still runs waits, holding no connection,
 * and never runs beside it. An error of the handler rolls back; so does a failed query that the handler has swallowed.
 * Not for batch subscriptions, nor broadcasts. The reply of a request goes out before the commit: mark requests with
 * `idempotent` instead.
 *
 * Each running handler holds a connection of the pool: where a handler takes a second one from the same pool, the pool
 * needs more than the bus's `consume.concurrency`.
 *
 * @throws BusbarError `CONFIG_INVALID`. Deliveries fail with `CONNECTION_FAILED` when Postgres fails.
 */
export function transactional(pool: Pool, options: TransactionalOptions = {}): Middleware {
  const table = quotedTable(options.table ?? 'busbar_idempotency')
  const ttlMs = milliseconds('transactional.ttlMs', options.ttlMs ?? 7 * dayMs)
  const begin =
    options.isolation === undefined ? 'begin' : `begin isolation level ${isolationOf(options.isolation)}`
  const expired = new ExpiredRows(pool, table, 60_000)
  return {
    name: 'transactional',
    stage: 'idempotent',
    async event(context, next) {
      refuseWithoutKey(context)
      expired.cleanInPassing()
      // The same key as that of `idempotent`: marks stay valid when a subscription moves from one to the other.
      const of = options.key?.(context) ?? context.id
      const key = storeKey(JSON.stringify([context.group, context.subscription, of]))
      for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
        await using transaction = await DeliveryTransaction.begin(pool, begin, cause => context.abort(cause))
        const mark = await transaction.mark(table, key, ttlMs)
        if (mark === 'marked') {
          context.values.set(postgresClient, transaction.client)
          await next()
          return await transaction.commit()
        }
        await transaction.rollback()
        if (mark === 'completed') return context.conclude('skipped', 'duplicate')
        await context.wait(pauseMs)
      }
    },
  }
}

function isolationOf(isolation: string): string {
  if (['read committed', 'repeatable read', 'serializable'].includes(isolation)) return isolation
  throw new BusbarError('CONFIG_INVALID', `transactional: option "isolation" is ${JSON.stringify(isolation)}`)
}

function refuseWithoutKey(context: EventContext): void {
  const refuse = (why: string) => {
    throw new BusbarError('CONFIG_INVALID', `subscription ${context.subscription}: transactional() ${why}`)
  }
  if (context.group === false) refuse('needs a group: every instance of a broadcast handles each event')
  if ('collector' in context && context.collector !== undefined) {
    refuse('is not for batches: every record of one would hold a connection until the batch is full')
  }
}
