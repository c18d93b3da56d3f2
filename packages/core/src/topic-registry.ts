import { BusbarError } from './error.js'
import type { Runtime } from './runtime.js'
import type { ContractTopic } from './topic.js'
import type { Transport } from './transport.js'

/** Makes sure, once for each topic of this bus, that it is there as its contracts say. */
export class TopicRegistry {
  readonly #transport: Transport
  readonly #create: boolean
  readonly #runtime: Runtime
  readonly #declared = new Map<string, ContractTopic>()
  readonly #pending = new Map<string, Promise<void>>()
  readonly #ensured = new Set<string>()

  constructor(transport: Transport, create: boolean, runtime: Runtime) {
    this.#transport = transport
    this.#create = create
    this.#runtime = runtime
  }

  /**
   * Notes the settings of a topic; contracts that share it must not contradict each other.
   * @throws BusbarError `CONFIG_INVALID`
   */
  declare(topic: ContractTopic): void {
    const known = this.#declared.get(topic.name)
    if (known === topic) return
    for (const setting of ['partitions', 'replication'] as const) {
      const [one, other] = [known?.[setting], topic[setting]]
      if (one !== undefined && other !== undefined && one !== other) {
        throw new BusbarError('CONFIG_INVALID', `topic ${topic.name} is declared with ${setting} ${one} and with ${other}: make them equal`)
      }
    }
    for (const [setting, value] of Object.entries(topic.config ?? {})) {
      const other = known?.config?.[setting]
      if (other !== undefined && other !== value) {
        throw new BusbarError('CONFIG_INVALID', `topic ${topic.name} is declared with ${setting}=${other} and with ${setting}=${value}: make them equal`)
      }
    }
    const merged = { ...known, ...topic, config: { ...known?.config, ...topic.config } }
    this.#declared.set(topic.name, merged)
    // What was made sure of is the topic without the new settings.
    if (known && settingsOf(merged) !== settingsOf(known)) this.#ensured.delete(topic.name)
  }

  /** The settings by which this bus declares a topic. */
  configOf(topic: string): Readonly<Record<string, string>> | undefined {
    return this.#declared.get(topic)?.config
  }

  /** Undefined when the topic is known to be there, else a promise of it. A failure is not remembered. */
  ensure(topic: ContractTopic): Promise<void> | undefined {
    if (this.#ensured.has(topic.name)) return undefined
    const pending = this.#pending.get(topic.name)
    if (pending) return pending
    this.declare(topic)
    const spec = { ...(this.#declared.get(topic.name) as ContractTopic), create: this.#create }
    const ensuring = this.#transport.ensureTopics([spec]).then(
      // Later, so that whoever waits goes first: a publish that needs not wait must not overtake one that did.
      () => this.#runtime.defer(() => this.#settle(topic.name, true)),
      thrown => {
        this.#settle(topic.name, false)
        throw thrown
      },
    )
    this.#pending.set(topic.name, ensuring)
    return ensuring
  }

  #settle(name: string, ensured: boolean): void {
    this.#pending.delete(name)
    if (ensured) this.#ensured.add(name)
  }
}

function settingsOf({ partitions, replication, config }: ContractTopic): number {
  return Number(partitions !== undefined) + Number(replication !== undefined) + Object.keys(config ?? {}).length
}
