import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type AnyEvent, type Bus, createBus, type InboundRecord, silentLogger } from '@busbar/core'
import { SeededRandom } from '@busbar/core/testing'
import { deadline, type TestKafka } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { withFolder } from './with-folder.js'

const program = join(import.meta.dirname, '../programs/stream-service.js')
/** `STREAM_KILLS` of a longer run. */
const kills = Number(process.env['STREAM_KILLS'] ?? 4)

export interface Trial {
  /** From the seed `BUSBAR_SEED`, else from one that is printed. */
  readonly random: SeededRandom
  readonly bus: Bus
  readonly kills: number
  /** Calls `publish` before each kill, and once behind the last. */
  killing(publish: (round: number) => Promise<unknown>): Promise<void>
}

/** Reads topics from their beginning, each record once and only what is committed. */
export class Watched {
  readonly #topics = new Map<string, Map<string, InboundRecord>>()

  watch(bus: Bus, ...events: readonly AnyEvent[]): void {
    for (const event of events)
      bus.subscribe(event, (_, { record }) => {
        const records = this.#topics.get(record.topic) ?? new Map<string, InboundRecord>()
        this.#topics.set(record.topic, records.set(`${record.partition}@${record.offset}`, record))
      })
  }

  /** What a topic has so far, in the order of its log. */
  records(topic: string): readonly InboundRecord[] {
    return [...(this.#topics.get(topic)?.values() ?? [])].sort((one, other) => one.offset - other.offset)
  }

  /** Its keys and values, in the same order. */
  entries<T>(topic: string): readonly (readonly [key: string, value: T])[] {
    return this.records(topic).map(({ key, value }) => [text(key), JSON.parse(text(value)) as T])
  }
}

function text(bytes: Uint8Array | null): string {
  return Buffer.from(bytes ?? []).toString()
}

interface TrialOptions {
  readonly streams: 'words' | 'ads'
  readonly kafka: TestKafka
  /** Of its topics and its groups. */
  readonly name: string
}

/** Runs two services with their state on disk, which are killed and replaced at random while `work` publishes. */
export async function withKilledServices(
  { streams, kafka, name }: TrialOptions,
  work: (trial: Trial) => Promise<void>,
): Promise<void> {
  const seed = Number(process.env['BUSBAR_SEED'] ?? Math.floor(Math.random() * 1e9))
  console.log(`${streams}: ${kills} kills, BUSBAR_SEED=${seed}`)
  const random = new SeededRandom(seed)
  const transport = kafkaTransport(kafka)
  const bus = createBus({ name: `${name}-watcher`, transport, logger: silentLogger })
  await withFolder(async folder => {
    const disks = [0, 1]
    let nextDisk = disks.length
    const start = (instance: number) =>
      new Service([streams, name, join(folder, String(disks[instance])), kafka.brokers.join(',')])
    const services = [0, 1].map(start)
    const killing = async (publish: (round: number) => Promise<unknown>) => {
      await bus.start()
      await Promise.all(services.map(service => service.started()))
      for (let round = 0; round < kills; round += 1) {
        await publish(round)
        // While it works, or just behind a commit, as it comes; sometimes while the group still takes in the one before.
        await setTimeout(random.below(150))
        const victim = random.below(2)
        await services[victim]?.kill()
        // On an empty disk its stores come from their changelogs; on that of the one before, only what is new does.
        if (random.chance(0.5)) disks[victim] = nextDisk++
        services[victim] = start(victim)
        if (random.chance(0.6)) await services[victim].started()
      }
      await publish(kills)
    }
    try {
      await work({ random, bus, kills, killing })
    } finally {
      await Promise.all(services.map(service => service.kill()))
      await bus.close()
    }
  })
}

class Service {
  readonly #child
  readonly #gone: Promise<unknown>
  readonly #started: Promise<unknown>

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#gone = once(this.#child, 'close')
    this.#started = once(this.#child.stdout, 'data')
  }

  async started(): Promise<void> {
    const failed = this.#gone.then(() => Promise.reject(new Error('a service ended before it had started')))
    failed.catch(() => {})
    await deadline(30_000, 'the start of a service', Promise.race([this.#started, failed]))
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#gone
  }
}
