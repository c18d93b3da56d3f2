import { BusbarError, type BusbarErrorCode, reasonOf } from '@busbar/core'
import { cutHandshake, tls, unreachable, type Verdict, verdicts } from './kafka-verdicts.js'

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
