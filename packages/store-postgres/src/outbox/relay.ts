import {
  type Bus,
  BusbarError,
  consoleLogger,
  type Logger,
  type Runtime,
  reasonOf,
  sleep,
  systemRuntime,
} from '@busbar/core'
import { backoffMs } from './backoff.js'
import { HeldTopics } from './held-topics.js'
import type { Relay, RelayOptions, RelayStatus } from './relay-contract.js'
import { RelayHealth } from './relay-health.js'
import { sendRows } from './send-rows.js'
import { Session } from './session.js'
import { type PendingRow, SlotReader } from './slot-reader.js'
import { Wakeup } from './wakeup.js'

const firstFencePauseMs = 2
const longestFencePauseMs = 100
const rereadEveryMs = 60_000

export class OutboxRelay implements Relay {
  readonly #table: string
  readonly #options: RelayOptions & { readonly bus: Bus }
  readonly #batchSize: number
  readonly #pollMs: number
  readonly #logger: Logger
  readonly #runtime: Runtime
  readonly #wakeup: Wakeup
  readonly #held: HeldTopics
  readonly #health: RelayHealth
  readonly #detach: () => void
  readonly #ended: Promise<void>
  /** Sent by this relay; their deletion may not have come through. */
  readonly #undeleted = new Set<string>()
  #session: Session | undefined
  #closing = false
  #published = 0
  #refused = 0

  constructor(table: string, options: RelayOptions & { readonly bus: Bus }) {
    this.#table = table
    this.#options = options
    this.#batchSize = Math.ceil(positive('batchSize', options.batchSize ?? 500))
    this.#pollMs = positive('pollMs', options.pollMs ?? 1_000)
    this.#logger = options.logger ?? consoleLogger
    this.#runtime = options.runtime ?? systemRuntime
    this.#wakeup = new Wakeup(this.#runtime)
    this.#held = new HeldTopics(options.backoff ?? {}, this.#runtime)
    const stalledAfterMs = positive('stalledAfterMs', options.stalledAfterMs ?? 30_000)
    this.#health = new RelayHealth({ table, runtime: this.#runtime, stalledAfterMs })
    this.#detach = options.bus.onHealth(this.#health.what, () => this.#health.problems(this.#held.all))
    this.#ended = this.#run()
  }

  get status(): RelayStatus {
    const slots = this.#session?.slots.size ?? 0
    const connected = this.#session !== undefined
    return { connected, slots, published: this.#published, refused: this.#refused, failing: this.#held.all }
  }

  async close({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing = true
    this.#detach()
    this.#wakeup.wake()
    const waiting = new AbortController()
    const late = sleep(this.#runtime, timeoutMs, waiting.signal).catch(() => {})
    await Promise.race([this.#ended, late])
    waiting.abort()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Works with one connection after the other; never rejects. */
  async #run(): Promise<void> {
    const { pool, backoff = {} } = this.#options
    for (let failures = 0; !this.#closing; ) {
      try {
        await using session = await Session.open({
          pool,
          table: this.#table,
          runtime: this.#runtime,
          onNews: () => this.#wakeup.wake(),
        })
        failures = 0
        this.#session = session
        await this.#work(session)
      } catch (thrown) {
        failures++
        this.#health.lost(thrown)
        const delayMs = backoffMs(backoff, failures, this.#runtime.random())
        this.#logger.warn(
          { err: thrown, retryMs: delayMs },
          `an outbox relay lost Postgres: ${reasonOf(thrown)}`,
        )
        this.#session = undefined
        if (!this.#closing) await this.#wakeup.sleep(delayMs)
      } finally {
        this.#session = undefined
      }
    }
  }

  async #work(session: Session): Promise<void> {
    const reader = new SlotReader(session, this.#table)
    let shareAtMs = 0
    let rereadAtMs = this.#runtime.now() + rereadEveryMs
    let fencePauseMs = firstFencePauseMs
    while (!this.#closing) {
      const now = this.#runtime.now()
      if (now >= shareAtMs) {
        await session.takeShare()
        shareAtMs = now + this.#pollMs
        this.#health.heldUp(await reader.heldUpSinceMs(now - this.#health.stalledAfterMs))
      }
      if (now >= rereadAtMs) {
        reader.reread()
        rereadAtMs = now + rereadEveryMs
      }
      await reader.look(now)
      const held = this.#held.names
      const rows = await reader.read(this.#batchSize, held)
      this.#health.found()
      if (rows.length > 0) {
        fencePauseMs = firstFencePauseMs
        await this.#publish(session, reader, rows)
        continue
      }
      if (reader.isBehind) continue
      if (reader.hasReadAll) this.#held.releaseExcept(held)
      // Nobody says when the transaction that a fence waits for has been rolled back.
      const pauseMs = reader.waits ? fencePauseMs : this.#pollMs
      fencePauseMs = reader.waits ? Math.min(longestFencePauseMs, fencePauseMs * 2) : firstFencePauseMs
      const untilMs = Math.min(shareAtMs, this.#held.nextMs) - this.#runtime.now()
      await this.#wakeup.sleep(Math.max(1, Math.min(pauseMs, untilMs)))
    }
  }

  async #publish(session: Session, reader: SlotReader, rows: readonly PendingRow[]): Promise<void> {
    const fresh = rows.filter(row => !this.#undeleted.has(row.id))
    const { sent, refused, failed } = await this.#health.sending(this.#options.bus, fresh.length, bus =>
      sendRows(bus, fresh),
    )
    this.#published += sent.length
    const failing = new Set(failed.map(({ topic }) => topic))
    for (const { record } of sent) if (!failing.has(record.topic)) this.#held.release(record.topic)
    for (const { topic, error, rows: left } of failed) {
      reader.reread(left.map(({ slot }) => slot))
      this.#hold(topic, error, left.length)
    }
    for (const { id } of sent) this.#undeleted.add(id)
    const done = rows.filter(row => this.#undeleted.has(row.id))
    if (done.length > 0) {
      await session.query(
        'deleting what was published',
        `delete from ${this.#table} o using unnest($1::int[], $2::bigint[]) done (slot, id) where o.slot = done.slot and o.id = done.id`,
        [done.map(({ slot }) => slot), done.map(({ id }) => id)],
      )
      for (const { id } of done) this.#undeleted.delete(id)
    }
    for (const { row, error } of refused) await this.#setAside(session, row, error)
  }

  #hold(topic: string, error: BusbarError, records: number): void {
    const { failures, untilMs } = this.#held.hold(topic, error)
    const fields = {
      err: error,
      code: error.code,
      topic,
      records,
      failures,
      retryMs: untilMs - this.#runtime.now(),
    }
    this.#logger.warn(fields, `an outbox relay cannot publish to ${topic}: ${error.message}`)
    if (error.code !== 'BUS_CLOSED') return
    this.#logger.error({ topic }, 'an outbox relay stops, because its bus was closed: close the relay first')
    this.#health.stopped()
    this.#closing = true
  }

  async #setAside(session: Session, { id, slot, record }: PendingRow, error: BusbarError): Promise<void> {
    this.#logger.error(
      { err: error, code: error.code, topic: record.topic, outboxId: id },
      `a record of an outbox was refused for good: ${error.message}`,
    )
    await session.query(
      'setting a record aside',
      `update ${this.#table} set refused = $3 where slot = $1 and id = $2`,
      [slot, id, `${error.code}: ${error.message}`],
    )
    this.#refused++
  }
}

function positive(option: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value
  throw new BusbarError(
    'CONFIG_INVALID',
    `outbox.relay: option "${option}" must be a positive number, got ${value}`,
  )
}
