import type { Transport, TransportCapabilities } from '../transport.js'

/**
 * How the cases reach one kind of transport. An ability that a harness cannot offer is a text that says why: the cases
 * that need it are skipped, and that text is their reason.
 */
export interface ConformanceHarness<T extends Transport = Transport> {
  /** Names the transport in the names of the tests. */
  readonly name: string
  /**
   * A fresh transport to the same broker at each call. It must open nothing before `connect`: one is made while binding,
   * only to read its capabilities.
   */
  readonly createTransport: () => T
  /**
   * Ends a transport as `kill -9` ends its process: nothing more is sent or committed, no group is left in good order,
   * whatever it holds locally is released. Others get its partitions within a few seconds.
   */
  readonly crash: ((transport: T) => void | Promise<void>) | string
  /**
   * Lets a transport stand still as SIGSTOP does a process: it hears and sends nothing, and others get its partitions within a
   * few seconds. Returns what lets it go on. Default: it can't be done.
   */
  readonly freeze?: ((transport: T) => () => void | Promise<void>) | string
  /** Cuts every connection of a transport, as a network does; it may connect anew at once. */
  readonly disconnect: ((transport: T) => void | Promise<void>) | string
  /** Whether topics take Kafka's settings: the cases use `max.message.bytes` and `retention.ms`. */
  readonly topicConfig: true | string
  /** Cases that cannot pass, by name, each with its reason. A name that is no case is an error: skips do not go stale. */
  readonly skip?: Readonly<Record<string, string>>
  /** How long a single wait may take, in milliseconds. Default: 10,000. A case as a whole has four times as long. */
  readonly timeoutMs?: number
  /** Cases that run at a time, each on topics and groups of its own. Default: 1. */
  readonly concurrency?: number
}

/** What a harness may or may not be able to do. */
export type Ability = 'crash' | 'freeze' | 'disconnect' | 'topicConfig'

/** What a case needs: capabilities of the transport, and abilities of its harness. */
export type Requirement = keyof TransportCapabilities | Ability

/** Why a requirement is not met; undefined if it is. */
export function unmet(
  requirement: Requirement,
  harness: ConformanceHarness,
  capabilities: TransportCapabilities,
): string | undefined {
  if (isAbility(requirement)) {
    const ability = harness[requirement] ?? 'the harness has no way to do it'
    return typeof ability === 'string' ? ability : undefined
  }
  return capabilities[requirement] ? undefined : `the transport's capability "${requirement}" is false`
}

const abilities: readonly Requirement[] = ['crash', 'freeze', 'disconnect', 'topicConfig']

function isAbility(requirement: Requirement): requirement is Ability {
  return abilities.includes(requirement)
}
