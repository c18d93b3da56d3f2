import { Observable } from 'rxjs'
import { Bus } from '../bus.js'
import { type BusOptions, busSettings } from '../bus-options.js'
import type { DeliveryReport } from '../consume.js'
import type { DeliveryContext, RecordContext } from '../context.js'
import type { Activities } from './activities.js'
import type { TestTransport } from './test-transport.js'
import { ProcessRuntime, type VirtualRuntime } from './virtual-runtime.js'

/** What a test bus remembers of an event that was published or handled. */
interface Seen {
  readonly name: string
  readonly payload: unknown
}

interface SeenHandled extends Seen {
  readonly report: DeliveryReport
}

/** What a test sees of all its buses. */
export interface Journal {
  readonly published: Seen[]
  readonly handled: SeenHandled[]
  /** Deliveries that failed for good or were handed back. */
  readonly failed: DeliveryReport[]
}

type Method = (...args: readonly unknown[]) => unknown

/** A bus of a test, and what belongs to it. */
export class WatchedBus {
  readonly bus: Bus
  readonly transport: TestTransport
  readonly #process: ProcessRuntime
  readonly #activities: Activities
  isCrashed = false

  constructor(
    options: BusOptions,
    transport: TestTransport,
    runtime: VirtualRuntime,
    activities: Activities,
    journal: Journal,
  ) {
    this.transport = transport
    this.#activities = activities
    this.#process = new ProcessRuntime(runtime)
    this.bus = new Bus(busSettings({ ...options, transport, runtime: this.#process }))
    this.#watchHandlers()
    this.#watchPipelines()
    this.#watchPublishes(journal)
    this.#watchOutcomes(journal)
  }

  /** Stops like a killed process: nothing of it happens any more. */
  crash(): void {
    this.isCrashed = true
    this.transport.crash()
    this.#process.kill()
    this.#activities.forget(this.bus)
  }

  /** Knows which handlers run: the innermost of all, so that timers of middleware are not taken for theirs. */
  #watchHandlers(): void {
    const { bus } = this
    const activities = this.#activities
    for (const method of ['subscribe', 'subscribeBatch', 'reply'] as const) {
      replace(bus, method, original => (...args) => {
        const handler = args.at(-1)
        if (typeof handler !== 'function') return original(...args)
        const { name } = args[0] as { name: string }
        const group = (args[1] as { group?: string }).group ?? bus.name
        const run = (...given: readonly unknown[]) =>
          activities.run(`the handler of ${name} in ${group}`, bus, () => (handler as Method)(...given))
        return original(...args.slice(0, -1), run)
      })
    }
  }

  /** As for handlers: what a pipeline waits for is seen. */
  #watchPipelines(): void {
    const { bus } = this
    const activities = this.#activities
    replace(bus, 'pipe', original => (...args) => {
      const place = args.length - 2
      const pipeline = args[place]
      if (typeof pipeline !== 'function') return original(...args)
      const { name } = args[0] as { name: string }
      const watched = (...given: readonly unknown[]) =>
        new Observable<unknown>(subscriber => {
          const run = () =>
            new Promise<void>(resolve => {
              subscriber.add(resolve)
              subscriber.add(((pipeline as Method)(...given) as Observable<unknown>).subscribe(subscriber))
            })
          void activities.run(`the pipeline of ${name}`, bus, run).catch(thrown => subscriber.error(thrown))
        })
      return original(...args.with(place, watched))
    })
  }

  #watchPublishes({ published }: Journal): void {
    replace(this.bus, 'publish', original => async (...args) => {
      const receipt = await original(...args)
      published.push({ name: nameOf(args[0]), payload: args[1] })
      return receipt
    })
    replace(this.bus, 'publishBatch', original => async (...args) => {
      const receipts = await original(...args)
      for (const payload of args[1] as readonly unknown[]) published.push({ name: nameOf(args[0]), payload })
      return receipts
    })
  }

  #watchOutcomes(journal: Journal): void {
    const payloads = new Map<string, unknown>()
    this.bus.use({
      name: 'test',
      observes: true,
      async attempt(given, next) {
        const context = given as DeliveryContext
        await next()
        payloads.set(placeOf(context), context.payload)
      },
    })
    this.bus.onDelivery(report => {
      const place = placeOf(report)
      if (report.outcome === 'done')
        journal.handled.push({ name: report.event, payload: payloads.get(place), report })
      if (isFailure(report)) journal.failed.push(report)
      payloads.delete(place)
    })
  }
}

function isFailure({ outcome, error }: DeliveryReport): boolean {
  if (outcome === 'dead-lettered') return true
  return outcome === 'handed back' && !toldToStop(error)
}

/** A handler that ends since its partition moves away or its bus closes has not failed. */
function toldToStop(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? error.code : undefined
  return (
    error.name === 'AbortError' || code === 'ABORTED' || code === 'BUS_CLOSED' || code === 'CONSUMER_CRASHED'
  )
}

function placeOf({ subscription, topic, partition, offset }: RecordContext | DeliveryReport): string {
  return `${subscription} ${topic}/${partition}@${offset}`
}

function nameOf(contract: unknown): string {
  return (contract as { name: string }).name
}

function replace(bus: Bus, method: keyof Bus, make: (original: Method) => Method): void {
  const original = (bus[method] as Method).bind(bus)
  Object.defineProperty(bus, method, { value: make(original) })
}
