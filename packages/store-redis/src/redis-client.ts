/** What is needed of node-redis (`redis`): its client, pool, sentinel and cluster all have it. */
export interface NodeRedisClient {
  evalSha(sha: string, call: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, call: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** What is needed of `ioredis`: its client and its cluster both have it. */
export interface IoRedisClient {
  evalsha(sha: string, numkeys: number, ...args: string[]): Promise<unknown>
  eval(script: string, numkeys: number, ...args: string[]): Promise<unknown>
}

/** A client of one of the two usual libraries, connected by whoever made it. */
export type RedisClient = NodeRedisClient | IoRedisClient

/** How a client runs a script of one key, by its hash or in full. */
export interface ScriptRunner {
  bySha(sha: string, key: string, args: string[]): Promise<unknown>
  inFull(script: string, key: string, args: string[]): Promise<unknown>
}

/** One way to run scripts for both libraries; undefined for what is no client of either. */
export function scriptRunner(client: RedisClient): ScriptRunner | undefined {
  if (typeof client !== 'object' || client === null || typeof client.eval !== 'function') return undefined
  if ('evalSha' in client) {
    return {
      bySha: (sha, key, args) => client.evalSha(sha, { keys: [key], arguments: args }),
      inFull: (script, key, args) => client.eval(script, { keys: [key], arguments: args }),
    }
  }
  if (!('evalsha' in client)) return undefined
  return {
    bySha: (sha, key, args) => client.evalsha(sha, 1, key, ...args),
    inFull: (script, key, args) => client.eval(script, 1, key, ...args),
  }
}
