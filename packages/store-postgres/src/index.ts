export { type MigrateOptions, migrate, migrationSql } from './migrate.js'
export type { BackoffOptions } from './outbox/backoff.js'
export type { FailingTopic } from './outbox/held-topics.js'
export {
  createOutbox,
  type Outbox,
  type OutboxOptions,
  type OutboxReceipt,
  type TransactionClient,
} from './outbox/outbox.js'
export type { Relay, RelayOptions, RelayStatus } from './outbox/relay-contract.js'
export { postgresClient } from './postgres-client.js'
export { type PostgresStore, type PostgresStoreOptions, postgresStore } from './postgres-store.js'
export { type TransactionalOptions, transactional } from './transactional.js'
