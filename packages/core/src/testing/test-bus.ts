import { type GroupCommit, type MemoryBroker, memoryBroker, memoryTransport } from '@busbar/transport-memory'
import type { Bus } from '../bus.js'
import type { BusOptions } from '../bus-options.js'
import type { DeadLetter } from '../dead-letter.js'
import type { EventDefinition } from '../event.js'
import { silentLogger } from '../logger.js'
import type { RequestDefinition } from '../request.js'
import type { Runtime } from '../runtime.js'
import { Activities } from './activities.js'
import { Faults } from './faults.js'
import { openDeadLetters } from './open-dead-letters.js'
import { SeededRandom } from './seeded-random.js'
import { TestBusError } from './test-bus-error.js'
import { seedOf, type TestBusOptions } from './test-bus-options.js'
import { TestGroup } from './test-group.js'
import { TestTransport } from './test-transport.js'
import { type TrackOptions, track } from './track.js'
import { VirtualClock } from './virtual-clock.js'
import { VirtualRuntime } from './virtual-runtime.js'
import { type Journal, WatchedBus } from './watched-bus.js'

/** Which handlers {@link TestBus.handled} means. */
export interface HandledBy {
  readonly group?: string | false
  readonly subscription?: string
}

/** Makes a broker in this process, a virtual clock, and buses on them. */
export function testBus(options: TestBusOptions = {}): TestBus {
  return new TestBus(options)
}

/** Buses over one broker and one virtual clock, for tests. Made by {@link testBus}. */
export class TestBus implements AsyncDisposable {
  /** What decides the order of whatever could happen in another order, latencies, and faults that happen by chance. */
  readonly seed: number
  readonly clock: VirtualClock
  readonly faults: Faults
  readonly broker: MemoryBroker
  readonly #options: TestBusOptions
  readonly #runtime: VirtualRuntime
  readonly #activities: Activities
  readonly #random: SeededRandom
  readonly #buses: WatchedBus[] = []
  readonly #groups = new Set<string>()
  readonly #journal: Journal = { published: [], handled: [], failed: [] }

  /** Use {@link testBus}. */
  constructor(options: TestBusOptions) {
    this.#options = options
    this.seed = seedOf(options.seed)
    const realTimeoutMs = options.realTimeoutMs ?? 2_000
    this.#activities = new Activities(realTimeoutMs > 0)
    this.#random = new SeededRandom(this.seed ^ 0x2545f491)
    this.#runtime = new VirtualRuntime(this.seed, this.#activities)
    this.faults = new Faults(new SeededRandom(this.seed ^ 0x6c078965), options.chaos ?? {})
    const { observer = {}, partitions, sessionTimeoutMs } = options
    this.broker = memoryBroker({
      ...(partitions === undefined ? {} : { partitions }),
      ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
      onCommit: commit => this.#onCommit(commit),
      onTransaction: (records, positions) => observer.stored?.(records, positions),
    })
    this.clock = new VirtualClock({
      seed: this.seed,
      runtime: this.#runtime,
      activities: this.#activities,
      realTimeoutMs,
    })
  }

  /** Time, timers, randomness and ids of this test, for whatever else needs them. */
  get runtime(): Runtime {
    return this.#runtime
  }

  /** Makes a bus: one process of the service `name`. Several of one name are instances of that service. */
  bus(
    name = this.#options.name ?? 'test',
    options: Omit<Partial<BusOptions>, 'name' | 'transport' | 'runtime'> = {},
  ): Bus {
    const { latencyMs = 0, observer = {}, commitIntervalMs = 5 } = this.#options
    const transport = new TestTransport({
      inner: memoryTransport({ broker: this.broker, commitIntervalMs }),
      runtime: this.#runtime,
      random: this.#random,
      activities: this.#activities,
      faults: this.faults,
      latencyMs,
      observer,
      groups: this.#groups,
    })
    const settings = { logger: this.#options.logger ?? silentLogger, ...options, name, transport }
    const watched = new WatchedBus(settings, transport, this.#runtime, this.#activities, this.#journal)
    this.#buses.push(watched)
    return watched.bus
  }

  /** Starts every bus that was not started before. */
  async start(): Promise<void> {
    await this.clock.until(Promise.all(this.#alive.map(({ bus }) => bus.start())), 'starting')
  }

  /**
   * Runs a function and waits until everything that it caused is done: nothing runs, nothing is on its way, and what is
   * left waits for the clock (a retry, a delay, a batch that is not full). Then rejects if deliveries have failed for
   * good or were handed back; see {@link TrackOptions} for tolerating that, and for moving the clock meanwhile.
   */
  async track<T>(work: () => T | PromiseLike<T>, options: TrackOptions = {}): Promise<T> {
    const { seed, clock } = this
    const { failed } = this.#journal
    const isDrained = () => this.isDrained
    return track({ seed, clock, activities: this.#activities, failed, isDrained }, work, options)
  }

  /** Moves the clock until every group has finished all there is, `withinMs` at most (default: a week). */
  async drain(withinMs = 604_800_000): Promise<void> {
    if (await this.clock.advanceUntil(() => this.isDrained, withinMs)) return
    const left = [...this.#groups].flatMap(group =>
      this.broker
        .positions(group)
        .flatMap(({ topic, partition, lag }) =>
          lag > 0 ? [`${lag} of ${topic}/${partition} in ${group}`] : [],
        ),
    )
    throw new TestBusError(this.seed, `not drained after ${withinMs} ms: ${left.join(', ')}`)
  }

  /** Whether every group has committed all that is stored. */
  get isDrained(): boolean {
    return [...this.#groups].every(group => this.broker.positions(group).every(({ lag }) => lag === 0))
  }

  /**
   * What was published of an event by any bus, in order; with `delayMs`, from the moment that it was stored. Not what pipes
   * write exactly once, which is in the log alone: `broker.records(topic)`.
   */
  published<Out, In>(event: EventDefinition<Out, In>): readonly In[] {
    return this.#journal.published
      .filter(({ name }) => name === event.name)
      .map(({ payload }) => payload as In)
  }

  /** What handlers finished without failing, in that order; what several of them handled is there several times. */
  handled<Out, In>(event: EventDefinition<Out, In>, by?: HandledBy): readonly Out[]
  handled<In, Out, ReplyIn, ReplyOut>(
    request: RequestDefinition<In, Out, ReplyIn, ReplyOut>,
    by?: HandledBy,
  ): readonly Out[]
  handled({ name }: { readonly name: string }, { group, subscription }: HandledBy = {}): readonly unknown[] {
    return this.#journal.handled
      .filter(seen => seen.name === name)
      .filter(({ report }) => group === undefined || report.group === group)
      .filter(({ report }) => subscription === undefined || report.subscription === subscription)
      .map(({ payload }) => payload)
  }

  /** Dead letters that were neither replayed nor discarded, of one group or of all. */
  deadLetters(group?: string): readonly DeadLetter[] {
    return openDeadLetters(this.broker, group)
  }

  /** A consumer group, to look at and to disturb. */
  group(name: string): TestGroup {
    const { seed, broker, clock } = this
    return new TestGroup({ name, seed, broker, clock, random: this.#random, buses: () => this.#alive })
  }

  /** Kills the process of a bus: it stops where it is, and nothing of it counts any more. */
  async crash(bus: Bus): Promise<void> {
    this.#buses.find(watched => watched.bus === bus)?.crash()
    await this.clock.settle()
  }

  /** Closes every bus that has not crashed. */
  async close(): Promise<void> {
    await this.clock.until(Promise.all(this.#alive.map(({ bus }) => bus.close())), 'closing')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #onCommit(commit: GroupCommit): boolean | 'answer lost' {
    const { fate, onCrash } = this.faults.fateOfCommit(commit)
    const isLost = fate === 'lost' || fate === 'dies before'
    this.#options.observer?.committed?.(commit, isLost)
    if (fate === 'dies before' || fate === 'dies after') {
      const dying = this.#alive.find(({ transport }) => transport.members.includes(commit.member))
      dying?.crash()
      if (dying) onCrash?.(dying.bus)
    }
    return fate === 'answer lost' ? fate : !isLost
  }

  get #alive(): readonly WatchedBus[] {
    return this.#buses.filter(({ isCrashed }) => !isCrashed)
  }
}
