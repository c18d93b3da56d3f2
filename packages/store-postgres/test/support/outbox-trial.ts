import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { createOutbox } from '@busbar/store-postgres'
import { eventually } from '@busbar/testkit'
import type { Pool } from 'pg'
import type { TestDatabase } from './database.js'
import { sendingTransport } from './fake-transport.js'
import type { LoggedRecord } from './log-server.js'
import { startProgram } from './run-program.js'

/** Writers, relays that are killed, and what must come of it. */
export interface TrialOptions {
  readonly database: TestDatabase
  /** What `relay-service` publishes to. */
  readonly target: string
  readonly topic: string
  /** Transactions of one or two events each. */
  readonly orders: number
  readonly writers: number
  readonly customers: number
  readonly relays: number
  /** A relay is killed about as often, in milliseconds. */
  readonly killEveryMs: number
  readonly random: () => number
}

/** What was committed, in the order of the ids, and how it went. */
export interface TrialResult {
  readonly committed: readonly LoggedRecord[]
  readonly rolledBack: number
  readonly kills: number
  readonly writingMs: number
  readonly relayedMs: number
}

interface Order {
  readonly customer: string
  readonly order: number
}

/** Writes, kills, and resolves when the outbox is empty. */
export async function outboxTrial(options: TrialOptions): Promise<TrialResult> {
  const { database, topic, orders, random } = options
  const { pool, outbox: table } = database
  await pool.query(auditSql(table))
  const bus = createBus({ name: 'shop', transport: sendingTransport(async () => {}), logger: silentLogger })
  const OrderPlaced = defineEvent<Order>('order.placed', { topic, key: order => order.customer })
  const outbox = createOutbox({ bus, table })
  const start = Date.now()
  const relays = await Promise.all(Array.from({ length: options.relays }, () => startRelay(options)))
  let rolledBack = 0
  let next = 0

  const writer = async (): Promise<void> => {
    for (let order = next++; order < orders; order = next++) {
      const client = await pool.connect()
      await client.query('begin')
      const customer = `customer ${Math.floor(random() * options.customers)}`
      await outbox.publish(client, OrderPlaced, { customer, order })
      // Others draw ids, and commit, before this one does.
      if (random() < 0.1) await sleep(random() * 40)
      if (random() < 0.2)
        await outbox.publish(client, OrderPlaced, {
          customer: `customer ${Math.floor(random() * options.customers)}`,
          order,
        })
      const commits = order % 3 !== 0
      await client.query(commits ? 'commit' : 'rollback')
      if (!commits) rolledBack++
      client.release()
    }
  }

  let kills = 0
  let writing = true
  const killer = async (): Promise<void> => {
    while (writing || (await pending(pool, table)) > 0) {
      await sleep(options.killEveryMs * (0.5 + random()))
      const index = Math.floor(random() * relays.length)
      await kill(relays[index] as ChildProcess)
      kills++
      relays[index] = await startRelay(options)
    }
  }
  const killing = killer()
  await Promise.all(Array.from({ length: options.writers }, writer))
  const writingMs = Date.now() - start
  writing = false
  await killing
  await eventually(
    async () => {
      if ((await pending(pool, table)) > 0) throw new Error('records are left')
    },
    { timeoutMs: 30_000 },
  )
  const relayedMs = Date.now() - start
  await Promise.all(relays.map(kill))
  await bus.close()
  const { rows } = await pool.query<LoggedRecord>(
    `select topic, convert_from(key, 'UTF8') as key, event as id from ${table}_audit a order by a.id`,
  )
  return { committed: rows, rolledBack, kills, writingMs, relayedMs }
}

/** What is wrong with what arrived: nothing may be missing, invented, or out of its key's order at its first arrival. */
export function problemsOf(committed: readonly LoggedRecord[], arrived: readonly LoggedRecord[]): string[] {
  const expected = new Map(committed.map(record => [record.id, record]))
  const first = [...new Map(arrived.map(record => [record.id, record])).values()]
  const invented = first.filter(({ id }) => !expected.has(id))
  const seen = new Set(first.map(({ id }) => id))
  const missing = committed.filter(({ id }) => !seen.has(id))
  const problems = [
    ...invented.map(({ id }) => `${id} was rolled back and arrived`),
    ...missing.map(({ id }) => `${id} is missing`),
  ]
  const inOrder = idsByKey(first)
  for (const [key, ids] of idsByKey(committed)) {
    if (ids.join() !== inOrder.get(key)?.join()) problems.push(`${key} is out of order`)
  }
  return problems
}

function idsByKey(records: readonly LoggedRecord[]): Map<string, string[]> {
  const byKey = new Map<string, string[]>()
  for (const { key, id } of records) byKey.set(key, [...(byKey.get(key) ?? []), id])
  return byKey
}

async function startRelay({ database, target }: TrialOptions): Promise<ChildProcess> {
  const child = startProgram('relay-service', database.url, database.outbox, target)
  if (child.stdout) await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) throw new Error('a relay ended by itself')
  child.kill('SIGKILL')
  await once(child, 'close')
}

async function pending(pool: Pool, table: string): Promise<number> {
  return (await pool.query<{ n: number }>(`select count(*)::int as n from ${table}`)).rows[0]?.n ?? 0
}

/** A copy of every row, made in its own transaction: what is committed is what must arrive, in the order of the ids. */
function auditSql(table: string): string {
  return `create table ${table}_audit (id bigint, topic text, key bytea, event text);
create function ${table}_audit() returns trigger language plpgsql as $$
begin
  insert into ${table}_audit values (new.id, new.topic, new.key, new.headers->>'ce_id');
  return new;
end $$;
create trigger audit after insert on ${table} for each row execute function ${table}_audit()`
}
