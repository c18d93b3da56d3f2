import type { Bus, Logger, Runtime } from '@busbar/core'
import type { Pool } from 'pg'
import type { BackoffOptions } from './backoff.js'
import type { FailingTopic } from './held-topics.js'

export interface RelayOptions {
  /** Where the outbox is. The relay keeps one connection of it, directly to Postgres and not through a pooler. */
  readonly pool: Pool
  /** What publishes, and tells in its health how this relay is; it must be started by whoever made it. Default: the outbox's. */
  readonly bus?: Bus
  /** Records that are read, sent and deleted at a time. Default: 500. */
  readonly batchSize?: number
  /** How often to look without having been woken, in milliseconds; also for relays that came or went. Default: 1,000. */
  readonly pollMs?: number
  /** How long a topic, or Postgres, is left alone after a failure. */
  readonly backoff?: BackoffOptions
  /**
   * For how long records may wait of which none is published, or a connection may be waited for, before the health of the bus is
   * red, in milliseconds. A failure of Postgres or of a topic turns it red at once. Default: 30,000.
   */
  readonly stalledAfterMs?: number
  /** Default: warnings and errors to the console. */
  readonly logger?: Logger
  /** Time, timers and randomness. Default: the real ones. */
  readonly runtime?: Runtime
}

/** Publishes what an outbox holds, until it's closed. */
export interface Relay extends AsyncDisposable {
  /** How it stands now. */
  readonly status: RelayStatus
  /**
   * Lets the records that are being sent finish, and gives the slots up. After `timeoutMs` (default 10,000) it waits no
   * more: those records are sent again by the next relay.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>
}

export interface RelayStatus {
  /** Whether it is connected to Postgres. */
  readonly connected: boolean
  /** Of 32, how many slots of keys it owns. */
  readonly slots: number
  /** Records that it has published. */
  readonly published: number
  /** Records that no broker would ever accept: they stay in the table, with the reason in the column `refused`. */
  readonly refused: number
  /** Topics that can't be published to for now. */
  readonly failing: readonly FailingTopic[]
}
