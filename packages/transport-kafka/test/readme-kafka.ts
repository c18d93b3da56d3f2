// The README's snippet, type-checked: running it needs a broker at this address.
import { createBus } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'

const bus = createBus({ name: 'accounts', transport: kafkaTransport({ brokers: ['127.0.0.1:9092'] }) })

export { bus }
