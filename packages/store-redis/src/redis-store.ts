import { randomUUID } from 'node:crypto'
import { BusbarError, type Claim, type Completion, type IdempotencyStore, reasonOf } from '@busbar/core'
import { type RedisClient, type ScriptRunner, scriptRunner } from './redis-client.js'
import { claimScript, completeScript, releaseScript, renewScript, type Script } from './scripts.js'

export interface RedisStoreOptions {
  /** What every key starts with. Default: `busbar:`. */
  readonly prefix?: string
}

/**
 * An idempotency store on Redis. Every step is one script on one key, so that it is atomic, also on a cluster; leases
 * and times to live are the server's. Redis evicts keys under memory pressure unless `maxmemory-policy` is `noeviction`,
 * and a fail-over may lose what was not replicated yet: either lets a handler run again.
 *
 * Its methods reject with a retryable `BusbarError` `CONNECTION_FAILED` when Redis fails.
 *
 * @param client a client of node-redis (`redis`) or `ioredis`, or a cluster of either; connecting, closing and its error
 *   events stay with whoever made it.
 * @throws BusbarError `CONFIG_INVALID` for anything else.
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): IdempotencyStore {
  const runner = scriptRunner(client)
  if (runner) return new RedisStore(runner, options.prefix ?? 'busbar:')
  throw new BusbarError(
    'CONFIG_INVALID',
    'redisStore: the first argument must be a client of "redis" (5 or newer) or of "ioredis"',
  )
}

class RedisStore implements IdempotencyStore {
  readonly #runner: ScriptRunner
  readonly #prefix: string

  constructor(runner: ScriptRunner, prefix: string) {
    this.#runner = runner
    this.#prefix = prefix
  }

  async claim(key: string, leaseMs: number): Promise<Claim> {
    const token = randomUUID()
    const answer = (await this.#run(claimScript, key, [
      token,
      milliseconds('leaseMs', leaseMs),
    ])) as readonly unknown[]
    const kind = Number(answer[0])
    if (kind === 1) return { kind: 'claimed', token }
    if (kind === 2) return { kind: 'completed', result: resultOf(String(answer[1])) }
    return { kind: 'busy', leaseMs: Math.max(1, Number(answer[1])) }
  }

  async renew(key: string, token: string, leaseMs: number): Promise<boolean> {
    return Number(await this.#run(renewScript, key, [token, milliseconds('leaseMs', leaseMs)])) === 1
  }

  async complete(key: string, token: string, { ttlMs, result }: Completion): Promise<boolean> {
    const args = [token, milliseconds('ttlMs', ttlMs), valueWith(result)]
    return Number(await this.#run(completeScript, key, args)) === 1
  }

  async release(key: string, token: string): Promise<void> {
    await this.#run(releaseScript, key, [token])
  }

  async #run(script: Script, key: string, args: string[]): Promise<unknown> {
    const name = `${this.#prefix}${key}`
    try {
      return await this.#runner.bySha(script.sha, name, args).catch((error: unknown) => {
        // A server that has not seen the script, or has forgotten it at a restart, learns it from running it in full.
        if (!reasonOf(error).startsWith('NOSCRIPT')) throw error
        return this.#runner.inFull(script.text, name, args)
      })
    } catch (cause) {
      throw new BusbarError('CONNECTION_FAILED', `the Redis store failed: ${reasonOf(cause)}`, { cause })
    }
  }
}

// Base64, because what either client makes of a reply by default is text, which would change bytes.
function valueWith(result: Uint8Array | undefined): string {
  if (result === undefined) return 'd'
  return `d=${Buffer.from(result.buffer, result.byteOffset, result.byteLength).toString('base64')}`
}

function resultOf(value: string): Uint8Array | undefined {
  return value === 'd' ? undefined : Buffer.from(value.slice(2), 'base64')
}

function milliseconds(name: string, value: number): string {
  if (Number.isFinite(value) && value > 0) return String(Math.ceil(value))
  throw new BusbarError('CONFIG_INVALID', `"${name}" must be a positive number of milliseconds, got ${value}`)
}
