import { BusbarError, type BusbarErrorCode, reasonOf } from '@busbar/core'

export interface KafkaErrorContext {
  /** What was being done, to what, as the beginning of a sentence: `connecting to Kafka at a:9092`. */
  readonly doing: string
  /** The code where nothing more precise is known. */
  readonly fallback: BusbarErrorCode
}

/** Errors that another try does not mend. */
const finalCodes: ReadonlySet<BusbarErrorCode> = new Set([
  'AUTHENTICATION_FAILED',
  'TLS_FAILED',
  'TOPIC_DENIED',
  'GROUP_DENIED',
  'CONFIG_INVALID',
])

/** Whether trying again is of no use: refused credentials, certificates, permissions or options. */
export function isFinal(error: unknown): boolean {
  return error instanceof BusbarError && finalCodes.has(error.code) && !error.retryable
}

/**
 * What anything that kafkajs or a socket throws means. Total: whatever comes becomes a `BusbarError` whose message says
 * what was being done, why it failed and what to do, and whose cause is what was thrown. A `BusbarError` stays as it is.
 */
export function kafkaError(thrown: unknown, context: KafkaErrorContext): BusbarError {
  const chain = causesOf(thrown)
  const known = chain.find(cause => cause instanceof BusbarError)
  if (known instanceof BusbarError) return known
  const verdict = verdictOf(chain)
  const reason = reasonIn(chain)
  const message = `${context.doing}: ${reason}${verdict?.advice === undefined ? '' : ` (${verdict.advice})`}`
  const { code = context.fallback, retryable } = verdict ?? {}
  return new BusbarError(code, message, { cause: thrown, ...(retryable === undefined ? {} : { retryable }) })
}

/** The names of Kafka's error codes and of Node's, and of kafkajs's classes, anywhere in what was thrown. */
export function hasKafkaErrorType(thrown: unknown, ...types: readonly string[]): boolean {
  return causesOf(thrown).some(cause => marksOf(cause).some(mark => types.includes(mark)))
}

interface Verdict {
  readonly code: BusbarErrorCode
  readonly advice?: string
  /** Default: that of the code. */
  readonly retryable?: boolean
}

const tls: Verdict = { code: 'TLS_FAILED' }
const untrusted: Verdict = {
  code: 'TLS_FAILED',
  advice: 'the certificate of the broker is not trusted: give the authority that signed it as `ssl.ca`',
}
const wrongProtocol: Verdict = {
  code: 'TLS_FAILED',
  advice: 'the port does not speak TLS: leave `ssl` out, or use the port of a TLS listener',
}
/** A handshake that was cut off is also what a broker leaves that goes down in its midst. */
const cutHandshake: Verdict = { ...wrongProtocol, retryable: true }
const denied = (code: BusbarErrorCode, advice: string): Verdict => ({ code, advice })
const authentication = denied(
  'AUTHENTICATION_FAILED',
  'check the user, the password and the mechanism in `sasl`',
)
const topicInvalid: Verdict = { code: 'TOPIC_INVALID' }
const unreachable: Verdict = { code: 'CONNECTION_FAILED' }
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
const verdicts: readonly (readonly [readonly string[], Verdict])[] = [
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

function verdictOf(chain: readonly unknown[]): Verdict | undefined {
  const marks = new Set(chain.flatMap(marksOf))
  const hit = verdicts.find(([names]) => names.some(name => marks.has(name)))
  if (hit) {
    // A TLS handshake that ends in the middle: the other side took it for something else.
    const handshake = chain.some(
      cause => cause instanceof Error && cause.message.includes('before secure TLS connection'),
    )
    return hit[1] === unreachable && handshake ? cutHandshake : hit[1]
  }
  return [...marks].some(mark => mark.startsWith('ERR_SSL_') || mark.startsWith('ERR_TLS_')) ? tls : undefined
}

/** An error, what it was made from, and what those were made from; each once. */
function causesOf(thrown: unknown): unknown[] {
  const found = new Set<unknown>()
  const visit = (value: unknown): void => {
    if (value === undefined || value === null || found.has(value) || found.size > 50) return
    found.add(value)
    if (typeof value !== 'object') return
    const { cause, errors, originalError } = value as {
      cause?: unknown
      errors?: unknown
      originalError?: unknown
    }
    visit(cause)
    visit(originalError)
    if (Array.isArray(errors)) for (const error of errors) visit(error)
  }
  visit(thrown)
  return [...found]
}

function marksOf(cause: unknown): string[] {
  if (typeof cause !== 'object' || cause === null) return []
  const { type, code, name } = cause as { type?: unknown; code?: unknown; name?: unknown }
  return [type, code, name].filter(mark => typeof mark === 'string')
}

/** The message of the innermost error that has one: the outer ones of kafkajs only repeat it. */
function reasonIn(chain: readonly unknown[]): string {
  const messages = chain.filter(cause => cause instanceof Error && cause.message !== '')
  const innermost = messages.at(-1) ?? chain[0]
  const broker = chain
    .map(cause => (cause as { broker?: unknown } | null)?.broker)
    .find(address => typeof address === 'string')
  const code = chain.flatMap(marksOf).find(mark => /^E[A-Z]+$/.test(mark))
  const reason = reasonOf(innermost)
  const shown = code !== undefined && !reason.includes(code) ? `${reason} ${code}` : reason
  return broker !== undefined && !shown.includes(broker) ? `${shown} at ${broker}` : shown
}
