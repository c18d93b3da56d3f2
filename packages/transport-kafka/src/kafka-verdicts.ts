import type { BusbarErrorCode } from '@busbar/core'

/** What a mark in an error means. */
export interface Verdict {
  readonly code: BusbarErrorCode
  readonly advice?: string
  /** Default: that of the code. */
  readonly retryable?: boolean
}

export const tls: Verdict = { code: 'TLS_FAILED' }
const untrusted: Verdict = {
  code: 'TLS_FAILED',
  advice: 'the certificate of the broker is not trusted: give the authority that signed it as `ssl.ca`',
}
const wrongProtocol: Verdict = {
  code: 'TLS_FAILED',
  advice: 'the port does not speak TLS: leave `ssl` out, or use the port of a TLS listener',
}
/** A handshake that was cut off is also what a broker leaves that goes down in its midst. */
export const cutHandshake: Verdict = { ...wrongProtocol, retryable: true }
const denied = (code: BusbarErrorCode, advice: string): Verdict => ({ code, advice })
const authentication = denied(
  'AUTHENTICATION_FAILED',
  'check the user, the password and the mechanism in `sasl`',
)
const topicInvalid: Verdict = { code: 'TOPIC_INVALID' }
export const unreachable: Verdict = { code: 'CONNECTION_FAILED' }
const config: Verdict = { code: 'CONFIG_INVALID' }
const topicDenied = denied(
  'TOPIC_DENIED',
  'the credentials do not allow this, or the topic is missing and may not be created',
)
const groupDenied = denied(
  'GROUP_DENIED',
  'the credentials do not allow this consumer group: it needs READ on the group',
)
const tooLarge = denied(
  'RECORD_TOO_LARGE',
  'raise `max.message.bytes` of the topic, or make the record smaller',
)

/**
 * By mark: a Kafka error name (https://kafka.apache.org/protocol#protocol_error_codes), a code of Node or OpenSSL, or the
 * name of a class of kafkajs. Codes of the protocol come first: they say more than the class around them.
 */
export const verdicts: readonly (readonly [readonly string[], Verdict])[] = [
  [['TOPIC_AUTHORIZATION_FAILED'], topicDenied],
  [['GROUP_AUTHORIZATION_FAILED'], groupDenied],
  [
    ['CLUSTER_AUTHORIZATION_FAILED'],
    denied('TOPIC_DENIED', 'the credentials do not allow this on the cluster'),
  ],
  [
    ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
    denied('TOPIC_DENIED', 'the credentials do not allow this transactional id'),
  ],
  [['SASL_AUTHENTICATION_FAILED', 'KafkaJSSASLAuthenticationError'], authentication],
  [
    ['UNSUPPORTED_SASL_MECHANISM'],
    denied('AUTHENTICATION_FAILED', 'the broker does not offer this `sasl.mechanism`'),
  ],
  [
    ['ILLEGAL_SASL_STATE'],
    denied('AUTHENTICATION_FAILED', 'the listener at this port does not use SASL, or wants it and got none'),
  ],
  [['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'], tooLarge],
  [['UNKNOWN_TOPIC_OR_PARTITION'], { code: 'TOPIC_MISSING', advice: 'create the topic first' }],
  [
    [
      'INVALID_TOPIC_EXCEPTION',
      'INVALID_PARTITIONS',
      'INVALID_REPLICATION_FACTOR',
      'INVALID_CONFIG',
      'POLICY_VIOLATION',
    ],
    topicInvalid,
  ],
  [['INVALID_REPLICA_ASSIGNMENT'], topicInvalid],
  [['OFFSET_OUT_OF_RANGE'], { code: 'POSITION_OUT_OF_RANGE' }],
  [['INVALID_GROUP_ID'], config],
  [
    ['INVALID_SESSION_TIMEOUT'],
    { code: 'CONFIG_INVALID', advice: 'the broker does not accept `consumer.sessionTimeout`' },
  ],
  [
    ['INCONSISTENT_GROUP_PROTOCOL'],
    {
      code: 'CONFIG_INVALID',
      advice: 'the group has members that are no Busbar consumers: choose another group name',
    },
  ],
  [
    ['SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    untrusted,
  ],
  [['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_UNTRUSTED'], untrusted],
  [
    ['ERR_TLS_CERT_ALTNAME_INVALID'],
    {
      code: 'TLS_FAILED',
      advice: 'the certificate is for another host name: use a name that it lists, or set `ssl.servername`',
    },
  ],
  [
    ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'],
    { code: 'TLS_FAILED', advice: 'check the certificate and the clock' },
  ],
  [['ERR_SSL_WRONG_VERSION_NUMBER', 'EPROTO', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'], wrongProtocol],
  [['KafkaJSGroupCoordinatorNotFound'], groupDenied],
  [
    ['ECONNREFUSED'],
    {
      code: 'CONNECTION_FAILED',
      advice: 'nobody listens there: is the broker running, and is the address right?',
    },
  ],
  [['ENOTFOUND', 'EAI_AGAIN'], { code: 'CONNECTION_FAILED', advice: 'the host name cannot be resolved' }],
  [
    ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNABORTED', 'NETWORK_EXCEPTION'],
    unreachable,
  ],
  [['KafkaJSConnectionClosedError', 'KafkaJSConnectionError', 'KafkaJSRequestTimeoutError'], unreachable],
  [['KafkaJSNoBrokerAvailableError', 'KafkaJSBrokerNotFound', 'KafkaJSLockTimeout'], unreachable],
  [['BROKER_NOT_AVAILABLE', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'LEADER_NOT_AVAILABLE'], unreachable],
]
