export type { DeniedResources } from './kafka/deny-access.js'
export { freePort, freePorts } from './free-ports.js'
export { KafkaUnavailable } from './kafka/kafka-unavailable.js'
export {
  type RunningKafka,
  type RunningSaslSsl,
  type SaslSslOptions,
  type StartKafkaOptions,
  startKafka,
} from './kafka/start-kafka.js'
export { type RunningKafkaCluster, type StartKafkaClusterOptions, startKafkaCluster } from './kafka/start-kafka-cluster.js'
