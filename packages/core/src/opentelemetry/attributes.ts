/**
 * Names of span attributes. Those of `messaging.` and `error.` are the semantic conventions' for messaging spans and for
 * Kafka, version 1.44 (https://opentelemetry.io/docs/specs/semconv/messaging/), whose status is "development": they may
 * change until they are stable. Those of `busbar.` are our own.
 */
export const attribute = {
  system: 'messaging.system',
  clientId: 'messaging.client.id',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  partition: 'messaging.destination.partition.id',
  group: 'messaging.consumer.group.name',
  messageId: 'messaging.message.id',
  conversation: 'messaging.message.conversation_id',
  batchSize: 'messaging.batch.message_count',
  offset: 'messaging.kafka.offset',
  key: 'messaging.kafka.message.key',
  errorType: 'error.type',
  event: 'busbar.event',
  subscription: 'busbar.subscription',
  attempt: 'busbar.attempt',
  outcome: 'busbar.outcome',
  skipReason: 'busbar.skip_reason',
  replies: 'busbar.replies',
  failedReplies: 'busbar.failed_replies',
} as const
