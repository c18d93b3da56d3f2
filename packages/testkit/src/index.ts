export { schemaHistories } from './avro-pairs/histories.js'
export { schemaPairs } from './avro-pairs/index.js'
export type { Deviation, SchemaHistory, SchemaPair } from './avro-pairs/pair.js'
export { DeadlineExceeded, deadline } from './deadline.js'
export { type EventuallyOptions, eventually } from './eventually.js'
export { freePort, freePorts } from './free-ports.js'
export {
  type JavaAvro,
  JavaAvroError,
  type JavaCanonical,
  type JavaCompatibility,
  type JavaIncompatibility,
  type JavaResolved,
} from './java-avro/java-avro.js'
export { javaAvro, startJavaAvro } from './java-avro/start-java-avro.js'
export { type Certificates, makeCertificates } from './kafka/certificates.js'
export type { DeniedResources } from './kafka/deny-access.js'
export { type DescribedPartition, describeGroup } from './kafka/describe-group.js'
export { kafkaClusterForTests, kafkaForTests, type TestKafka } from './kafka/kafka-for-tests.js'
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
export { placesOf } from './places-of.js'
export {
  type HttpProxy,
  httpProxy,
  type ProxiedRequest,
  type ProxyVerdict,
} from './proxy/http-proxy.js'
export { type TcpProxy, type TcpProxyOptions, tcpProxy } from './proxy/tcp-proxy.js'
export { pythonForTests } from './python/python-for-tests.js'
export { ServerUnavailable } from './server-unavailable.js'
export { postgresForTests, redisForTests, registryForTests, type TestServer } from './servers/for-tests.js'
export type { RunningServer } from './servers/running-server.js'
export { startPostgres } from './servers/start-postgres.js'
export {
  type PrometheusOptions,
  prometheusForTests,
  promtool,
  promtoolForTests,
  startPrometheus,
} from './servers/start-prometheus.js'
export { startRedis } from './servers/start-redis.js'
export { startRegistry } from './servers/start-registry.js'
export { type Ad, type AdLengths, adResults, randomAds } from './streams/ads.js'
export {
  outerJoin,
  type Sided,
  sessionCounts,
  type Timed,
  windowCounts,
  wordCounts,
} from './streams/batch-results.js'
export { uniqueName } from './unique-name.js'
