import type { MemoryBroker } from '@busbar/transport-memory'
import type { PartitionPosition } from '../transport.js'
import type { SeededRandom } from './seeded-random.js'
import { TestBusError } from './test-bus-error.js'
import type { VirtualClock } from './virtual-clock.js'
import type { WatchedBus } from './watched-bus.js'

export interface TestGroupOptions {
  readonly name: string
  readonly seed: number
  readonly broker: MemoryBroker
  readonly clock: VirtualClock
  readonly random: SeededRandom
  readonly buses: () => readonly WatchedBus[]
}

/** A consumer group, and what can befall it. */
export class TestGroup {
  readonly name: string
  readonly #options: TestGroupOptions

  constructor(options: TestGroupOptions) {
    this.name = options.name
    this.#options = options
  }

  /** Where it stands, by topic and partition. */
  get positions(): readonly PartitionPosition[] {
    return this.#options.broker.positions(this.name)
  }

  /** Takes all partitions away and shares them out anew; what was unfinished comes again. */
  async rebalance(): Promise<void> {
    void this.#options.broker.rebalance(this.name)
    await this.#options.clock.settle()
  }

  /**
   * Kills the process of one of its members, drawn by the seed: the whole bus stops where it is, and nothing of it
   * counts any more. Make another with `t.bus(…)` for a restart. Resolves with the name of the bus.
   */
  async crash(): Promise<string> {
    const members = this.#options.buses().filter(({ transport }) => transport.joined.has(this.name))
    if (members.length === 0) {
      throw new TestBusError(this.#options.seed, `group ${this.name} has no member that could crash`)
    }
    const member = this.#options.random.pick(members)
    member.crash()
    await this.#options.clock.settle()
    return member.bus.name
  }
}
