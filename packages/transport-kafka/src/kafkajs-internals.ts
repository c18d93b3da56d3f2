/**
 * The parts of kafkajs 2.2.4 that it does not document and that this package stands on, as small as they are used.
 * `cluster.ts` checks that they are there. Nothing else in this package may reach into kafkajs.
 */

/** kafkajs's `Cluster`: brokers, metadata, TLS and SASL as the `Kafka` that it came from was configured. */
export interface Cluster {
  /** Reaches one of the bootstrap brokers; retries as the `Kafka`'s `retry` says. */
  connect(): Promise<void>
  /** Closes the connections that the cluster itself opened. */
  disconnect(): Promise<void>
  isConnected(): boolean
  /** The topics that `refreshMetadata` asks for; with none it asks for all topics. */
  targetTopics: Set<string>
  /** Adds a topic and loads its metadata. Throws where any target topic has an error. */
  addTargetTopic(topic: string): Promise<void>
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  /** Loads the metadata of all target topics. Throws where one of them, or one of their partitions, has an error. */
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  /** Empty for a topic that is not loaded. */
  findTopicPartitionMetadata(topic: string): PartitionMetadata[]
  /** Partitions by the node id of their leader; unknown partitions are left out. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>
  /** A connected broker of the loaded metadata. Throws, after a metadata refresh, where it can't be reached. */
  findBroker(target: { nodeId: string }): Promise<Broker>
  findControllerBroker(): Promise<Broker>
  findGroupCoordinator(target: { groupId: string; coordinatorType?: number }): Promise<Broker>
  /** Offsets as decimal text: the earliest, the end, or the first one at or after a timestamp. */
  fetchTopicsOffset(topics: readonly TopicOffsetQuery[]): Promise<TopicOffsets[]>
  readonly connectionPoolBuilder: ConnectionPoolBuilder
  readonly brokerPool: BrokerPool
  /** The node ids of the loaded metadata. */
  getNodeIds(): string[]
  /** Forgets a broker whose connection was lost, so that the next metadata refresh connects anew. */
  removeBroker(address: { host: string; port: number }): void
}

export interface PartitionMetadata {
  readonly partitionErrorCode: number
  readonly partitionId: number
  readonly leader: number
  readonly replicas: number[]
  readonly isr: number[]
}

interface TopicOffsetQuery {
  readonly topic: string
  readonly partitions: readonly { readonly partition: number }[]
  readonly fromBeginning?: boolean
  /** Milliseconds since the epoch. Goes before `fromBeginning`. */
  readonly fromTimestamp?: number
}

interface TopicOffsets {
  readonly topic: string
  readonly partitions: {
    readonly partition: number
    readonly offset: string
    readonly metadata?: string | null
  }[]
}

interface ConnectionPoolBuilder {
  /** Without an address: the next of the bootstrap brokers. Connects nothing yet. */
  build(address?: { host: string; port: number; rack?: string | null }): Promise<ConnectionPool>
}

interface BrokerPool {
  /** After how many milliseconds `refreshMetadataIfNecessary` loads metadata again. */
  metadataMaxAge: number
  readonly rootLogger: unknown
  createBroker(options: { logger: unknown; connectionPool: ConnectionPool; nodeId?: number }): Broker
  /** Any broker with a connection, after trying them all. */
  findConnectedBroker(): Promise<Broker>
}

/** kafkajs's `Broker`: one node, with one connection for `Fetch` and one for everything else. */
export interface Broker {
  readonly nodeId: number | null
  readonly connectionPool: ConnectionPool
  /** By API key; `null` before the first connect. */
  readonly versions: ApiVersions | null
  isConnected(): boolean
  /** Connects, negotiates versions, authenticates. Does nothing when connected. */
  connect(): Promise<void>
  /** Waits for pending requests. */
  disconnect(): Promise<void>
  fetch(request: FetchRequest): Promise<FetchResponse>
  /** The producer id as decimal text. */
  initProducerId(request: {
    transactionalId: string | null
    transactionTimeout: number
  }): Promise<{ producerId: string; producerEpoch: number }>
  createTopics(request: {
    topics: readonly {
      topic: string
      numPartitions: number
      replicationFactor: number
      configEntries: readonly { name: string; value: string }[]
    }[]
    validateOnly: boolean
    /** Milliseconds. */
    timeout: number
  }): Promise<unknown>
  describeConfigs(request: {
    resources: readonly { type: number; name: string; configNames?: readonly string[] }[]
  }): Promise<{
    resources: { resourceName: string; configEntries: { configName: string; configValue: string | null }[] }[]
  }>
  offsetCommit(request: {
    groupId: string
    groupGenerationId: number
    memberId: string
    topics: readonly {
      topic: string
      partitions: readonly { partition: number; offset: string; metadata?: string | null }[]
    }[]
  }): Promise<unknown>
}

/** What a group's consumer needs of its brokers besides. */
export interface GroupBroker extends Broker {
  joinGroup(request: JoinGroupRequest): Promise<{ memberId: string }>
  syncGroup(request: SyncGroupRequest): Promise<{ memberAssignment: Buffer }>
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>
  /** Throws where the group is forbidden. */
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<unknown>
  /** Committed offsets as decimal text, `-1` where there is none. With no topics: of all that the group committed. */
  offsetFetch(request: {
    groupId: string
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[]
  }): Promise<{ responses: TopicOffsets[] }>
  /** `timestamp`: -1 for the end, -2 for the earliest. Offsets as decimal text. */
  listOffsets(request: {
    isolationLevel: number
    topics: readonly { topic: string; partitions: readonly { partition: number; timestamp: number }[] }[]
  }): Promise<{ responses: TopicOffsets[] }>
  /** Throws where one of the topics, or one of their partitions, has an error. */
  metadata(topics: readonly string[]): Promise<{
    readonly topicMetadata: readonly {
      readonly topic: string
      readonly partitionMetadata: readonly PartitionMetadata[]
    }[]
  }>
}

interface JoinGroupRequest {
  readonly groupId: string
  readonly memberId: string
  readonly groupProtocols: readonly { name: string; metadata: Buffer }[]
}

interface SyncGroupRequest {
  readonly groupId: string
  readonly generationId: number
  readonly memberId: string
}

type ApiVersions = Readonly<Record<number, { minVersion: number; maxVersion: number } | undefined>>

export interface FetchRequest {
  /** Milliseconds that the broker may wait for `minBytes`. */
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  /** 0: read uncommitted; 1: read committed. */
  readonly isolationLevel: number
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly fetchOffset: number | string
      readonly maxBytes: number
    }[]
  }[]
  readonly rackId?: string
}

export interface FetchResponse {
  readonly responses: {
    readonly topicName: string
    readonly partitions: {
      readonly partition: number
      readonly errorCode: number
      readonly highWatermark: string
      readonly lastStableOffset?: string
      /** Transactions that were aborted within what was fetched. */
      readonly abortedTransactions?: readonly AbortedTransaction[] | null
      readonly messages: FetchedMessage[]
    }[]
  }[]
}

export interface FetchedMessage {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: Record<string, Buffer | Buffer[] | undefined>
  /** A transaction marker: no record. */
  readonly isControlRecord?: boolean
  /** Absent for messages of the format before 0.11. */
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean }
}

interface AbortedTransaction {
  readonly producerId: string
  readonly firstOffset: string
}

interface ConnectionPool {
  readonly host: string
  readonly port: number
  /** The connections: [0] for everything but `Fetch`, which has [1]. */
  readonly pool: readonly Connection[]
  send<T>(protocol: Protocol<T>): Promise<T>
}

interface Connection {
  readonly socket?: { destroy(): unknown }
  /** Rejects everything that was sent or is waiting to be. */
  rejectRequests(error: Error): void
}

/** A request and how its answer is read. */
export interface Protocol<T> {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    /** Called once the connection is ready, right before the request is written. */
    encode(): Promise<EncodedRequest>
  }
  readonly response: {
    /** `payload` is the answer behind its correlation id. */
    decode(payload: Buffer): Promise<T>
    parse(decoded: T): Promise<T>
  }
  /** Default: true. Whether kafkajs logs an error when `decode` or `parse` throw. */
  readonly logResponseError?: boolean
}

/** What kafkajs needs of its `Encoder`. */
export interface EncodedRequest {
  readonly buf: Buffer
  readonly buffer: Buffer
  size(): number
}
