export type {
  CommittedPosition,
  GroupCommit,
  GroupDescription,
  OnCommit,
  OnTransaction,
} from './consumer-group.js'
export {
  type LogBounds,
  type MemoryBroker,
  type MemoryBrokerOptions,
  memoryBroker,
  type TopicOptions,
} from './memory-broker.js'
export { type MemoryTransport, type MemoryTransportOptions, memoryTransport } from './memory-transport.js'
export type { Retention, TopicConfig } from './topic-settings.js'
