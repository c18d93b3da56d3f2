import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createBus, defineEvent, silentLogger } from '@busbar/core'
import { createOutbox } from '@busbar/store-postgres'
import { deadline, eventually, kafkaForTests, postgresForTests } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import {
  type Line,
  type RunningService,
  type ThreeServices,
  threeServices,
} from './support/three-services.js'

const test = suite('three services, each a process, on Kafka and Postgres')
const kafka = await kafkaForTests()
const postgres = await postgresForTests()
const slowly = { timeoutMs: 30_000, everyMs: 50 }

if (kafka !== undefined && postgres !== undefined) {
  test('the story is told as it is written, and no log has an address', async () => {
    await using told = await threeServices(kafka.brokers, postgres.url)
    const folder = join(import.meta.dirname, '..')
    const program = join(folder, 'dist/three-services/run-all.js')
    const run = promisify(execFile)(process.execPath, [program], { env: told.env })
    const { stdout, stderr } = await deadline(60_000, 'the story', run)
    assert.equal(stdout, await readFile(join(folder, 'src/three-services/story.txt'), 'utf8'))
    const [, logs = ''] = /^logs are in (.*)\n$/.exec(stderr) ?? []
    assert.equal(stderr, `logs are in ${logs}\n`)
    const texts = await Promise.all((await readdir(logs)).map(file => readFile(join(logs, file), 'utf8')))
    assert.equal(texts.length, 3)
    for (const text of texts) {
      assert.match(text, /"msg":"delivery done"|"email":"\[Redacted\]"/)
      assert.doesNotMatch(text, /@/)
    }
    await rm(logs, { recursive: true })
  })

  let three: ThreeServices
  let accounts: RunningService
  let mailer: RunningService
  let stats: RunningService
  /** What others would see on the two topics. */
  const users: Seen[] = []
  const welcomes: Seen[] = []
  const watcher = createBus({ name: 'watcher', transport: kafkaTransport(kafka), logger: silentLogger })

  test('a request to accounts is found two services further on', async () => {
    three = await threeServices(kafka.brokers, postgres.url, {
      SESSION_TIMEOUT_MS: '6000',
      MAIL_MS: '200',
      OTEL_TRACES_EXPORTER: 'console',
    })
    ;[accounts, mailer, stats] = await Promise.all([
      three.start('accounts'),
      three.start('mailer'),
      three.start('stats'),
    ])
    watch('user.created', 'users', users)
    watch('welcome.sent', 'welcomes', welcomes)
    await watcher.start()

    const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
    await createUser({ traceparent: `00-${traceId}-${spanId}-01`, 'x-correlation-id': 'request-1' })
    await eventually(() => assert.equal(welcomes.length, 1), slowly)
    assert.equal(welcomes[0]?.traceparent?.slice(3, 35), traceId)
    assert.equal(welcomes[0]?.correlationId, 'request-1')
    await eventually(() => {
      const created = spanOf(mailer, 'create', 'welcomes')
      const handled = spanOf(stats, 'process', 'welcomes')
      assert.equal(handled['traceId'], traceId)
      assert.equal(handled['parentSpanId'], created['spanId'])
      assert.equal(created['parentSpanId'], spanOf(mailer, 'process', 'users')['spanId'])
      assert.equal(spanOf(accounts, 'create', 'users')['parentSpanId'], spanId)
    }, slowly)
    await eventually(() => {
      const counted = stats.lines.filter(({ msg }) => msg === 'counted')
      assert.deepEqual(counted.map(({ event, correlationId }) => [event, correlationId]).sort(), [
        ['user.created', 'request-1'],
        ['welcome.sent', 'request-1'],
      ])
    }, slowly)
  })

  test('a mailer that is killed while it works loses no mail, and welcomes nobody twice', async () => {
    const database = await three.database('mailer')
    const welcomed = async () => {
      const { rows } = await database.query<{ id: string }>('select user_id as id from welcomes')
      return rows.map(({ id }) => id)
    }
    const [before] = await welcomed()
    const created = await Promise.all(Array.from({ length: 24 }, () => createUser()))
    await eventually(async () => assert.ok((await welcomed()).length > 1), { ...slowly, everyMs: 5 })
    await mailer.end('SIGKILL')
    const atItsDeath = await welcomed()
    assert.ok(atItsDeath.length < 25, 'it had sent everything before it died')

    mailer = await three.start('mailer')
    await eventually(async () => assert.equal(await three.lag('mailer', 'users'), 0), slowly)
    assert.deepEqual((await welcomed()).sort(), [before, ...created].sort())
    await eventually(async () => assert.deepEqual(await getStats(), { users: 25, welcomed: 25 }), slowly)
  })

  test('accounts killed between the commit and the relay loses no event', async () => {
    const database = await three.database('accounts')
    const looker = await three.database('accounts')
    const committed = async () =>
      (await looker.query<{ n: number }>('select count(*)::int as n from busbar_outbox')).rows[0]?.n
    await eventually(async () => assert.equal(await committed(), 0), slowly)
    // What relays wait for: a transaction that began to publish earlier, here of every slot of keys.
    await database.query('begin')
    const bus = createBus({ name: 'earlier', transport: memoryTransport(), logger: silentLogger })
    const Earlier = defineEvent<string>('earlier', { key: key => key })
    for (let key = 0; key < 300; key++) await createOutbox({ bus }).publish(database, Earlier, `${key}`)
    const { rows } = await database.query<{ n: number }>(
      'select count(distinct slot)::int as n from busbar_outbox',
    )
    assert.equal(rows[0]?.n, 32)

    const before = users.length
    const created = await Promise.all(Array.from({ length: 5 }, () => createUser()))
    assert.equal(await committed(), 5)
    await accounts.end('SIGKILL')
    await database.query('rollback')
    assert.equal(await committed(), 5)
    assert.equal(users.length, before)

    accounts = await three.start('accounts')
    await eventually(() => assert.equal(users.length, before + 5), slowly)
    assert.deepEqual(
      users
        .slice(before)
        .map(({ key }) => key)
        .sort(),
      created.sort(),
    )
    await eventually(async () => assert.deepEqual(await getStats(), { users: 30, welcomed: 30 }), slowly)
    assert.equal(await committed(), 0)
  })

  test('SIGTERM ends all three with 0 while requests come, and what was accepted is published or kept', async () => {
    const database = await three.database('accounts')
    const before = users.length
    const accepted: string[] = []
    const requests = Array.from({ length: 40 }, () =>
      createUser().then(
        id => void accepted.push(id),
        // It came too late: the server takes no more.
        () => {},
      ),
    )
    await Promise.race(requests)
    const codes = await deadline(
      20_000,
      'the end of all three',
      Promise.all([accounts, mailer, stats].map(service => service.end('SIGTERM'))),
    )
    assert.deepEqual(codes, [0, 0, 0])
    await Promise.all(requests)
    const { rows } = await database.query<{ key: Buffer }>('select key from busbar_outbox')
    await eventually(() => {
      const found = [...users.slice(before), ...rows.map(({ key }) => ({ key: String(key) }))]
      assert.deepEqual(found.map(({ key }) => key).sort(), accepted.sort())
    }, slowly)
  })

  test.after(async () => {
    await watcher.close()
    await three?.[Symbol.asyncDispose]()
  })

  function watch(name: string, topic: string, seen: Seen[]): void {
    const event = defineEvent(name, { topic: `${three.namespace}.${topic}` })
    watcher.subscribe(event, { group: `${three.namespace}.watcher` }, (_, { key, headers }) => {
      seen.push({
        key: key ?? '',
        traceparent: headers.get('traceparent'),
        correlationId: headers.get('ce_correlationid'),
      })
    })
  }

  function spanOf(service: RunningService, operation: string, topic: string): Line {
    const found = service.lines.find(({ span }) => span === `${operation} ${three.namespace}.${topic}`)
    assert.ok(found)
    return found
  }

  async function createUser(headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const response = await fetch(`${accounts.url}/users`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ email: 'ada@example.com' }),
    })
    assert.equal(response.status, 201)
    return ((await response.json()) as { id: string }).id
  }

  async function getStats(): Promise<unknown> {
    return (await fetch(`${accounts.url}/stats`)).json()
  }
}

interface Seen {
  readonly key: string
  readonly traceparent: string | undefined
  readonly correlationId: string | undefined
}

test.run()
