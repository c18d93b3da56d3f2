import { BusbarError } from '@busbar/core'

/** How much of each partition is kept. What goes over is removed from its oldest end. Default of each: no bound. */
export interface Retention {
  /** Records of one partition. */
  readonly records?: number
  /** Bytes of keys, values and headers of one partition; its last record stays whatever its size. */
  readonly bytes?: number
  /** Milliseconds since a record's timestamp. */
  readonly ms?: number
}

/** A topic's settings by their Kafka names. Names that mean nothing here are kept and compared, nothing more. */
export type TopicConfig = Readonly<Record<string, string>>

/** What the settings of a topic come to. */
export interface TopicSettings {
  /** Only the latest record of each key is kept for sure (`cleanup.policy` contains `compact`). */
  readonly compact: boolean
  /** Milliseconds for which compaction keeps a tombstone (`delete.retention.ms`). */
  readonly tombstoneMs: number
  /** Largest record in bytes of key, value and headers (`max.message.bytes`). */
  readonly maxRecordBytes: number
  /** Bounds of each partition; `Infinity` where there is none. */
  readonly retention: Required<Retention>
}

export interface BrokerDefaults {
  readonly maxRecordBytes: number
  readonly retention: Retention
}

const policies = ['delete', 'compact', 'compact,delete', 'delete,compact']
const dayMs = 86_400_000

/** The settings that a topic has where its own say nothing, by their Kafka names. */
export function defaultConfig(defaults: BrokerDefaults): TopicConfig {
  return {
    'cleanup.policy': 'delete',
    'delete.retention.ms': String(dayMs),
    'max.message.bytes': String(defaults.maxRecordBytes),
    'retention.bytes': String(defaults.retention.bytes ?? -1),
    'retention.ms': String(defaults.retention.ms ?? -1),
  }
}

/** Reads a topic's settings. Throws `TOPIC_INVALID` for one that a broker would refuse. */
export function readSettings(topic: string, config: TopicConfig, defaults: BrokerDefaults): TopicSettings {
  const effective = { ...defaultConfig(defaults), ...config }
  const policy = String(effective['cleanup.policy']).replaceAll(' ', '')
  if (!policies.includes(policy)) {
    throw new BusbarError(
      'TOPIC_INVALID',
      `topic '${topic}': cleanup.policy '${policy}' is none of ${policies.join(' | ')}`,
    )
  }
  const numberOf = (name: string): number => {
    const value = Number(effective[name])
    if (Number.isInteger(value) && value >= -1) return value
    throw new BusbarError(
      'TOPIC_INVALID',
      `topic '${topic}': ${name} '${effective[name]}' is no whole number from -1 on`,
    )
  }
  const boundOf = (name: string): number =>
    numberOf(name) === -1 ? Number.POSITIVE_INFINITY : numberOf(name)
  const unbounded = {
    records: Number.POSITIVE_INFINITY,
    bytes: Number.POSITIVE_INFINITY,
    ms: Number.POSITIVE_INFINITY,
  }
  const bounds = {
    records: defaults.retention.records ?? Number.POSITIVE_INFINITY,
    bytes: boundOf('retention.bytes'),
    ms: boundOf('retention.ms'),
  }
  return {
    compact: policy.includes('compact'),
    tombstoneMs: numberOf('delete.retention.ms'),
    maxRecordBytes: numberOf('max.message.bytes'),
    // A topic that is only compacted keeps the latest of each key for ever.
    retention: policy.includes('delete') ? bounds : unbounded,
  }
}
