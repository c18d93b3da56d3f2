export type { IoRedisClient, NodeRedisClient, RedisClient } from './redis-client.js'
export { type RedisStoreOptions, redisStore } from './redis-store.js'
