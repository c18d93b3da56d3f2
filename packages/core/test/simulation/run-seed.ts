import { createHash } from 'node:crypto'
import type { Bus } from '@busbar/core'
import { SeededRandom, type TestBus, testBus } from '@busbar/core/testing'
import { tinyStore } from '../testing/tiny-store.js'
import { allGroups } from './contracts.js'
import { DeliveryOracle } from './delivery-oracle.js'
import { EffectOracle } from './effect-oracle.js'
import { HandlerOracle } from './handler-oracle.js'
import { type Profile, profileOf, spanMs } from './profile.js'
import { subscribeAll, type World } from './services.js'
import { Traffic } from './traffic.js'
import { type Violation, Violations } from './violations.js'
import { markedStore, remoteStore } from './watched-store.js'

/** What a run came to. */
export interface SeedResult {
  readonly seed: number
  readonly violations: readonly Violation[]
  /** A digest of everything that happened, in order. */
  readonly trace: string
  readonly steps: number
  readonly effects: number
}

/** Runs the model program of one seed and asks every oracle. */
export async function runSeed(seed: number): Promise<SeedResult> {
  const run = new ModelRun(profileOf(seed))
  await run.run()
  return run.result
}

class ModelRun {
  readonly #profile: Profile
  readonly #violations = new Violations()
  readonly #digest = createHash('sha256')
  #steps = 0
  readonly #deliveries = new DeliveryOracle(this.#violations, line => this.#trace(line))
  readonly #effects = new EffectOracle(this.#violations)
  readonly #t: TestBus
  readonly #random: SeededRandom
  readonly #world: World
  readonly #store
  /** Instances that were neither killed nor told to close. */
  readonly #serving = new Set<Bus>()
  readonly #crashed = new Set<Bus>()
  readonly #traffic: Traffic
  readonly #closing: Promise<void>[] = []

  constructor(profile: Profile) {
    this.#profile = profile
    const { seed, partitions, chaos, latencyMs, sessionTimeoutMs } = profile
    this.#random = new SeededRandom(seed ^ 0x7654321)
    const observer = { ...this.#deliveries.observer, stored: this.#effects.stored.bind(this.#effects) }
    this.#t = testBus({ seed, partitions, chaos, latencyMs, sessionTimeoutMs, observer, realTimeoutMs: 0 })
    const { runtime } = this.#t
    const now = (): number => runtime.now()
    this.#store = markedStore(tinyStore(runtime), key => this.#effects.marked(key))
    this.#world = {
      profile,
      handlers: new HandlerOracle(this.#violations, this.#deliveries, {
        concurrency: profile.concurrency,
        now,
      }),
      effects: this.#effects,
      random: () => this.#random.next(),
      now,
      isAlive: bus => !this.#crashed.has(bus),
      isHealed: false,
      failures: new Map(),
      published: (event, id) => this.#effects.published(event, id),
      tooEarly: what => this.#violations.add('due time', `${what} came before it was due`),
    }
    const { effects } = this.#world
    this.#traffic = new Traffic({
      profile,
      random: this.#random,
      runtime,
      effects,
      violations: this.#violations,
    })
  }

  get result(): SeedResult {
    const { seed } = this.#profile
    return {
      seed,
      violations: this.#violations.list,
      trace: this.#digest.digest('hex'),
      steps: this.#steps,
      effects: this.#effects.effects,
    }
  }

  async run(): Promise<void> {
    const { instances, seed } = this.#profile
    const t = this.#t
    try {
      const client = t.bus('client')
      const { chaos } = t.faults
      t.faults.chaos = {}
      for (let instance = 0; instance < instances; instance += 1) this.#startInstance()
      await t.start()
      t.faults.chaos = chaos
      this.#traffic.schedule(client)
      this.#scheduleMishaps()
      await t.clock.advance(spanMs * 2)
      t.faults.chaos = {}
      await t.drain()
      this.#effects.finish(this.#deadLetters())
      await this.#redrive(client)
      this.#effects.finish(new Set())
      await t.clock.advanceUntil(() => false, 20_000)
      await t.clock.until(Promise.all([...this.#traffic.requests, ...this.#closing]), 'requests and closes')
      if (seed % 3 === 0) this.#effects.finishOnce('shop/order')
      this.#deliveries.finish(() => true)
      for (const bus of this.#serving) this.#world.handlers.finish(bus)
      await t.close()
    } catch (thrown) {
      this.#violations.add('everything drained', thrown instanceof Error ? thrown.message : String(thrown))
    }
  }

  #startInstance(): Bus {
    const { runtime, faults } = this.#t
    const bus = this.#t.bus('service')
    this.#serving.add(bus)
    const store = remoteStore(faults.store(this.#store), runtime, this.#random, () => !this.#crashed.has(bus))
    subscribeAll(bus, store, this.#world)
    bus.onEvent(event => {
      this.#trace(`${event.type} ${event.group}`)
      if (event.type === 'consumer-failed')
        this.#violations.add('one failing handler', `${event.group} gave up`)
    })
    bus.onDelivery(({ subscription, id, outcome, attempt }) =>
      this.#trace(`${subscription} ${id} ${outcome} ${attempt}`),
    )
    return bus
  }

  #scheduleMishaps(): void {
    const { crashes, restarts, rebalances } = this.#profile
    const times = (count: number, act: () => void): void => {
      for (let left = count; left > 0; left -= 1) this.#at(this.#random.next() * spanMs, act)
    }
    times(rebalances, () => void this.#t.broker.rebalance(this.#random.pick(allGroups)))
    times(crashes, () =>
      this.#replace(bus => {
        this.#crashed.add(bus)
        void this.#t.crash(bus)
      }),
    )
    times(restarts, () =>
      this.#replace(bus => this.#closing.push(bus.close({ timeoutMs: this.#random.pick([10_000, 15]) }))),
    )
  }

  /** Ends an instance, and starts another some time later. */
  #replace(end: (bus: Bus) => void): void {
    const [bus] = this.#serving
    if (!bus) return
    this.#serving.delete(bus)
    end(bus)
    this.#at(this.#random.next() * 500, () => {
      void this.#restart(this.#startInstance())
    })
  }

  async #restart(bus: Bus): Promise<void> {
    await bus.start().catch((thrown: unknown) => {
      // Killed or closed again in the middle of its start.
      if (this.#serving.has(bus)) this.#violations.add('everything drained', `start: ${String(thrown)}`)
    })
  }

  /** With everything healed, every dead letter goes back and is handled. */
  async #redrive(client: Bus): Promise<void> {
    this.#world.isHealed = true
    for (const group of allGroups) {
      const topics = ['orders', 'notes', 'reminders', 'ledger']
      await this.#t.clock.until(client.deadLetters(group, { topics }).replay(), `the redrive of ${group}`)
    }
    await this.#t.drain()
    const left = this.#deadLetters()
    if (left.size > 0)
      this.#violations.add('no loss', `dead letters after the redrive: ${[...left].join(', ')}`)
  }

  #deadLetters(): Set<string> {
    return new Set(this.#t.deadLetters().map(({ subscription, id }) => `${subscription} ${id}`))
  }

  #at(delayMs: number, act: () => void): void {
    this.#t.runtime.setTimer(delayMs, act)
  }

  #trace(line: string): void {
    this.#steps += 1
    this.#digest.update(`${this.#t.clock.now} ${line}\n`)
  }
}
