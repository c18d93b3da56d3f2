// For users.
export { BusbarError, type BusbarErrorCode, type RecordFailure } from './error.js'
export { consoleLogger, type Logger, type LogMethod, silentLogger } from './logger.js'
export { type Runtime, sleep, systemRuntime, type Timer } from './runtime.js'

// For authors of transports.
export { reasonOf } from './error.js'
export { type AssignableMember, assignPartitions } from './partition-assigner.js'
export { laneKeyOf, PartitionSession, type PartitionSessionOptions } from './partition-session.js'
export { murmur2, partitionOfKey } from './partitioner.js'
export { PrefixTracker, type PrefixSlot } from './prefix-tracker.js'
export type {
  ConnectOptions,
  Deliver,
  Delivery,
  DeliveryBatch,
  InboundHeaders,
  InboundRecord,
  OutboundHeaders,
  OutboundRecord,
  Outcome,
  PartitionPosition,
  ReadSpec,
  Receive,
  RecordPosition,
  SubscribeSpec,
  TopicPartition,
  TopicSpec,
  Transport,
  TransportCapabilities,
  TransportEvent,
  TransportReader,
  TransportSubscription,
} from './transport.js'
