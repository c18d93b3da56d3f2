import { createHash } from 'node:crypto'

/** A Lua script of one key, and the hash under which a server that has seen it knows it. */
export interface Script {
  readonly text: string
  readonly sha: string
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

// A value is "c" and the token of a claim, or "d" for done, followed by "=" and the result in base64 where there is one.
// Claims and marks end by the key's own expiry, so that the time is the server's.

/** ARGV: token, lease. Answers `{1}` claimed, `{2, value}` done, `{0, lease left}` busy. */
export const claimScript = script(`
local value = redis.call('GET', KEYS[1])
if not value then
  redis.call('SET', KEYS[1], 'c' .. ARGV[1], 'PX', ARGV[2])
  return {1, ''}
end
if string.sub(value, 1, 1) == 'd' then return {2, value} end
return {0, redis.call('PTTL', KEYS[1])}
`)

/** ARGV: token, lease. */
export const renewScript = script(`
if redis.call('GET', KEYS[1]) ~= 'c' .. ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`)

/** ARGV: token, time to live, value. */
export const completeScript = script(`
if redis.call('GET', KEYS[1]) ~= 'c' .. ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
return 1
`)

/** ARGV: token. */
export const releaseScript = script(`
if redis.call('GET', KEYS[1]) ~= 'c' .. ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`)
