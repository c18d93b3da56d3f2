import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  eventually,
  prometheusForTests,
  promtool,
  type RunningServer,
  registryForTests,
  ServerUnavailable,
  startPostgres,
  startPrometheus,
  startRedis,
  startRegistry,
} from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('startRedis, startPostgres, startRegistry and startPrometheus')

const starts: [string, string, () => Promise<RunningServer>][] = [
  ['Redis', 'REDIS_URL', startRedis],
  ['Postgres', 'POSTGRES_URL', startPostgres],
  ['the registry', 'SCHEMA_REGISTRY_URL', startRegistry],
]

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Runs `work` with a variable of the environment set, or without it. */
async function withVariable<T>(name: string, value: string | undefined, work: () => Promise<T>): Promise<T> {
  const before = process.env[name]
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
  try {
    return await work()
  } finally {
    if (before === undefined) delete process.env[name]
    else process.env[name] = before
  }
}

for (const [name, variable, start] of starts) {
  test(`${name} leaves nothing behind`, async () => {
    const server = await withVariable(variable, undefined, start)
    assert.ok(isAlive(server.pid))
    assert.ok(Number(new URL(server.url).port) < 32_768)
    await server.stop()
    assert.not.ok(isAlive(server.pid))
    assert.not.ok(existsSync(server.folder))
  })

  test(`${name} is the one that ${variable} names`, async () => {
    await using server = await withVariable(variable, 'there://already', start)
    assert.is(server.source, 'env')
    assert.is(server.url, 'there://already')
  })
}

test('neither outlives its process, even when that is killed', async () => {
  const program = join(import.meta.dirname, 'fixtures/start-servers-and-wait.js')
  const { REDIS_URL: _redis, POSTGRES_URL: _postgres, ...env } = process.env
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'], env })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  child.kill('SIGKILL')
  await once(child, 'close')
  for (const { pid, folder } of JSON.parse(String(line)) as { pid: number; folder: string }[]) {
    await eventually(() => {
      assert.not.ok(isAlive(pid))
      assert.not.ok(existsSync(folder))
    })
  }
})

test('says why there is no Redis to be had', async () => {
  const error = await withVariable('PATH', '/nonexistent', () =>
    withVariable('REDIS_URL', undefined, startRedis).catch((reason: unknown) => reason),
  )
  assert.instance(error, ServerUnavailable)
  assert.match((error as Error).message, /no docker engine answers; no redis-server\. Set REDIS_URL/)
})

test('Prometheus leaves nothing behind, and scrapes what it was told', async () => {
  const server = await prometheusForTests({ targets: ['127.0.0.1:1'] })
  if (server === undefined) return
  const up = `${server.url}/api/v1/query?query=up`
  // It looks for targets every five seconds.
  const patience = { timeoutMs: 20_000, everyMs: 200 }
  await eventually(async () => {
    const answer = await fetch(up, { headers: { connection: 'close' } })
    assert.match(await answer.text(), /"instance":"127\.0\.0\.1:1","job":"busbar"/)
  }, patience)
  await server.stop()
  assert.not.ok(isAlive(server.pid))
  assert.not.ok(existsSync(server.folder))
})

test('says why there is no Prometheus to be had, nor promtool', async () => {
  await withVariable('PROMETHEUS_HOME', '/nonexistent', async () => {
    for (const start of [() => startPrometheus({ targets: [] }), () => promtool(['--version'])]) {
      const error: unknown = await start().catch((reason: unknown) => reason)
      assert.instance(error, ServerUnavailable)
      assert.match((error as Error).message, /PROMETHEUS_HOME.*; no prom.*install prometheus/)
    }
  })
})

test('the registry speaks the protocol and checks for backward compatibility', async () => {
  const registry = await registryForTests()
  if (registry === undefined) return
  const answer = await fetch(`${registry.url}/config`, { headers: { connection: 'close' } })
  assert.equal(await answer.json(), { compatibilityLevel: 'BACKWARD' })
})

test.run()
