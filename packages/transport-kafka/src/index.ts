export { type CompressionName, registerCodecs } from './compression.js'
export { type KafkaTransport, kafkaTransport } from './kafka-transport.js'
export type { KafkaTransportOptions, PublishOptions } from './options.js'
