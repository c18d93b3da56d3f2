export { type CompressionName, registerCodecs } from './compression.js'
export { type ProducerOptions } from './producer/producer-options.js'
export { createProducer } from './producer/producer.js'
export type { RecordSender } from './producer/record-sender.js'
