export { DeadlineExceeded, deadline } from './deadline.js'
export { type EventuallyOptions, eventually } from './eventually.js'
export { freePort, freePorts } from './free-ports.js'
export type { DeniedResources } from './kafka/deny-access.js'
export { kafkaForTests, type TestKafka } from './kafka/kafka-for-tests.js'
export { KafkaUnavailable } from './kafka/kafka-unavailable.js'
export {
  type RunningKafka,
  type RunningSaslSsl,
  type SaslSslOptions,
  type StartKafkaOptions,
  startKafka,
} from './kafka/start-kafka.js'
export {
  type RunningKafkaCluster,
  type StartKafkaClusterOptions,
  startKafkaCluster,
} from './kafka/start-kafka-cluster.js'
export { type TcpProxy, type TcpProxyOptions, tcpProxy } from './proxy/tcp-proxy.js'
export { uniqueName } from './unique-name.js'
