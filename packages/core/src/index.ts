// For users.
export type { BatchHandler, BatchItem } from './batch.js'
export {
  type Bus,
  type CloseOptions,
  createBus,
  type Handler,
  type ReplyHandler,
  type Subscription,
} from './bus.js'
export type { BusEvent } from './bus-event.js'
export type { BusOptions, StreamOptions, SubscribeBatchOptions, SubscribeOptions } from './bus-options.js'
export { type Closable, type CloseOnSignalsOptions, closeOnSignals } from './close-on-signals.js'
export type { AnySchema, Codec, RegisteredCodec, Schema, SchemaInput, SchemaOutput } from './codec.js'
export type { Layer, Next } from './compose.js'
export type { DeliveryReport } from './consume.js'
export type {
  BatchContext,
  Conclusion,
  EventContext,
  Forward,
  PublishContext,
  RecordContext,
  RequestContext,
  SkipReason,
} from './context.js'
export { type ContextKey, type ContextValues, createContextKey } from './context-values.js'
export { type ContractSchema, schemasOf } from './contract-schemas.js'
export { type Correlation, currentCorrelation, type TraceContext, withCorrelation } from './correlation.js'
export type { DeadLetter } from './dead-letter.js'
export type {
  DeadLetterFilter,
  DeadLetters,
  RedriveOptions,
  RedriveProgress,
  RedriveResult,
} from './dead-letters.js'
export { DeclaredError, type DeclaredErrorClass, defineError } from './declared-error.js'
// For authors of transports.
export { type OrderedEffects, orderedEffects } from './effect-order.js'
export { BusbarError, type BusbarErrorCode, type RecordFailure, reasonOf } from './error.js'
export {
  type AnyEvent,
  defineEvent,
  type EventDefinition,
  type EventInput,
  type EventOptions,
  type EventPayload,
} from './event.js'
export type { MessageHeaders, UserHeaders } from './headers.js'
export type { BusHealth, BusState, HealthProblem, PartitionHealth } from './health.js'
export type { HealthCheck } from './health-checks.js'
export type { Claim, Completion, IdempotencyStore } from './idempotency-store.js'
export { consoleLogger, type Logger, type LogMethod, silentLogger } from './logger.js'
export type { ManyReplies } from './many-replies.js'
export { type MemoryStoreOptions, memoryStore } from './memory-store.js'
export { type MessageFirstLogger, messageFirst } from './message-first-logger.js'
export { type CircuitBreakerOptions, circuitBreaker } from './middleware/circuit-breaker.js'
export { concurrency } from './middleware/concurrency.js'
export { correlation, correlationOf } from './middleware/correlation.js'
export { deadLetter } from './middleware/dead-letter.js'
export { filter } from './middleware/filter.js'
export { type IdempotentOptions, idempotent } from './middleware/idempotent.js'
export { type LoggingOptions, logging } from './middleware/logging.js'
export { type RetryOptions, retry } from './middleware/retry.js'
export { type ThrottleOptions, throttle } from './middleware/throttle.js'
export { timeout } from './middleware/timeout.js'
export type { Middleware, MiddlewareLike, Stage } from './middleware.js'
export { type AssignableMember, assignPartitions } from './partition-assigner.js'
export { laneKeyOf, PartitionSession, type PartitionSessionOptions } from './partition-session.js'
export { murmur2, partitionOfKey } from './partitioner.js'
export type { PendingCommit } from './pending-commit.js'
export { type PrefixSlot, PrefixTracker } from './prefix-tracker.js'
export type { EncodeOptions, PublishOptions, PublishReceipt } from './publish.js'
export type { PublishReport } from './publish-report.js'
export { type AnyRequest, defineRequest, type RequestDefinition, type RequestOptions } from './request.js'
export type { RequestCallOptions, RequestManyOptions, RequestOutcome } from './requester.js'
export { type Runtime, sleep, systemRuntime, type Timer } from './runtime.js'
export type {
  RegisteredSchema,
  SchemaDocument,
  SchemaFormat,
  SchemaPlace,
  SchemaRegistry,
} from './schema-registry.js'
export type { StandardSchema } from './standard-schema.js'
export { memoryState } from './state/memory-state.js'
export type {
  StateChange,
  StateEntry,
  StateProvider,
  StateRange,
  StateStore,
  StateStoreId,
} from './state/state-store.js'
export type { AggregateOptions } from './stream/aggregator.js'
export type { EventStream } from './stream/event-stream.js'
export type { GroupedStream } from './stream/grouped-stream.js'
export type { GroupedTable } from './stream/grouped-table.js'
export type { JoinOptions, KeyedStream, MapOptions, RecordInfo } from './stream/keyed-stream.js'
export { type Output, type OutputOptions, to } from './stream/output.js'
export type { PipeOptions } from './stream/pipe.js'
export type { Received } from './stream/received.js'
export type { DroppedRecord, DropReason } from './stream/record-flow.js'
export type { RepartitionOptions } from './stream/repartition.js'
export type { RecordPipeline } from './stream/run-pipeline.js'
export type { TableOptions } from './stream/stateful-groups.js'
export type { RecordStream } from './stream/stream-source.js'
export type { Table, TableChange } from './stream/table.js'
export type { StoreOptions } from './stream/topology-builder.js'
export type { WindowedStream, WindowOptions } from './stream/windowed-stream.js'
export type { WindowChange, Windowed, WindowedInfo, WindowedTable } from './stream/windowed-table.js'
export {
  hopping,
  type SessionWindows,
  sessions,
  type TimeWindows,
  tumbling,
  type Window,
} from './stream/windows.js'
export type { TopicOptions } from './topic.js'
export type {
  ConnectOptions,
  Deliver,
  Delivery,
  DeliveryBatch,
  Effects,
  InboundHeaders,
  InboundRecord,
  OutboundHeaders,
  OutboundRecord,
  Outcome,
  PartitionPosition,
  ReadSpec,
  Receive,
  RecordPosition,
  RefusedEffects,
  SubscribeSpec,
  TopicPartition,
  TopicSpec,
  Transport,
  TransportCapabilities,
  TransportEvent,
  TransportReader,
  TransportSubscription,
} from './transport.js'
