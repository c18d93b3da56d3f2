import { type Bus, type EventContext, type IdempotencyStore, idempotent, retry, timeout } from '@busbar/core'
import { Entry, type Item, Note, Order, priceOf, Quote, Reminder } from './contracts.js'
import type { EffectOracle } from './effect-oracle.js'
import type { HandlerOracle } from './handler-oracle.js'
import { failuresOf, type Profile } from './profile.js'

/** What the handlers of the model share. */
export interface World {
  readonly profile: Profile
  readonly handlers: HandlerOracle
  readonly effects: EffectOracle
  readonly random: () => number
  readonly now: () => number
  readonly isAlive: (bus: Bus) => boolean
  /** From then on nothing fails any more. */
  isHealed: boolean
  /** How often each subscription has failed with each event. */
  readonly failures: Map<string, number>
  published(event: string, id: string): void
  tooEarly(what: string): void
}

type Handled = Pick<EventContext, 'record' | 'subscription'>

/** Fails as often as the seed wants it, unless the model is healed. */
function mayFail(world: World, { subscription }: Handled, n: number): void {
  if (world.isHealed) return
  const of = `${subscription} ${n}`
  const failed = world.failures.get(of) ?? 0
  if (failed >= failuresOf(world.profile.seed, subscription, n)) return
  world.failures.set(of, failed + 1)
  throw new Error(`planned failure ${failed + 1} of ${of}`)
}

/** One handler call: it takes some time, fails if planned, and has its effect at the end. */
async function work(
  world: World,
  bus: Bus,
  context: EventContext<Item>,
  inside?: () => Promise<void>,
): Promise<void> {
  const ended = world.handlers.start({ bus, context })
  try {
    const pauses = Math.floor(world.random() * 3)
    // Room is kept: this is work, not waiting for an attempt.
    for (let pause = 0; pause < pauses; pause += 1) await nap(world, context)
    mayFail(world, context, context.payload.n)
    await inside?.()
    if (world.isAlive(bus)) world.effects.effect(context.subscription, context.id)
  } finally {
    ended()
  }
}

/** Takes up to 40 ms; ends with the signal, as a good handler does. */
function nap(world: World, { runtime, signal }: EventContext): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => {
      timer.cancel()
      reject(signal.reason as Error)
    }
    const timer = runtime.setTimer(world.random() * 40, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Every kind of subscription, on one bus: one process of the model. */
export function subscribeAll(bus: Bus, store: IdempotencyStore, world: World): void {
  const { concurrency, maxInFlight } = world.profile
  const group = (name: string) => ({ group: name, concurrency, maxInFlight })
  const once = (context: EventContext<Item>, inside: () => Promise<void>): Promise<void> => {
    const ended = world.handlers.startOnce(bus, `${context.subscription} ${context.id}`, world.isAlive)
    return inside().finally(ended)
  }
  bus.use({
    name: 'begin',
    record(context, next) {
      world.handlers.begin(bus, context)
      return next()
    },
  })
  bus.onDelivery(report => {
    if (!world.isAlive(bus)) return
    world.handlers.report(bus, report)
    world.effects.report(report)
  })

  const inPlace = retry({ attempts: 3, delayMs: 100 })
  bus.subscribe(Order, { ...group('shop'), use: [inPlace, idempotent(store)] }, (_, context) =>
    once(context, () => work(world, bus, context)),
  )
  const audit = {
    ...group('shop'),
    name: 'audit',
    use: [retry({ attempts: 2, delayMs: 50 }), timeout(5_000)],
  }
  bus.subscribe(Order, audit, (_, context) => work(world, bus, context))
  const byTopic = retry({ via: 'topic', attempts: 3, delayMs: 200 })
  bus.subscribe(Order, { ...group('mail'), use: [byTopic] }, (order, context) =>
    work(world, bus, context, async () => {
      const { id } = await bus.publish(Note, order)
      world.published('note', id)
    }),
  )
  bus.subscribe(Note, group('notes'), (_, context) => work(world, bus, context))
  bus.subscribe(Entry, { ...group('ledger'), onFailure: 'hand-back' }, (_, context) =>
    workToTheEnd(world, bus, context),
  )
  bus.subscribe(Reminder, group('reminders'), (reminder, context) => {
    if (reminder.dueMs > world.now()) world.tooEarly(`reminder ${reminder.n}`)
    return work(world, bus, context)
  })
  const batches = { ...group('bulk'), maxSize: 5, maxWaitMs: 20, use: [retry({ attempts: 2, delayMs: 100 })] }
  bus.subscribeBatch(Order, batches, async items => {
    const batch = items.map(({ context }) => context.record)
    const ended = items.map(({ context }) => world.handlers.start({ bus, context, batch }))
    try {
      const [first] = items
      if (first) await nap(world, first.context)
      for (const item of items) {
        const { context, payload } = item
        try {
          mayFail(world, context, payload.n)
          if (world.isAlive(bus)) world.effects.effect(context.subscription, context.id)
        } catch (thrown) {
          item.fail(thrown)
        }
      }
    } finally {
      for (const end of ended) end()
    }
  })
  bus.reply(Quote, { ...group('quotes'), use: [idempotent(store)] }, async ({ n }, context) => {
    await nap(world, context)
    mayFail(world, context, n)
    return { n, price: priceOf(n) }
  })
}

/** Without dead letters a failure comes again: one that never ends would never drain, so it ends after a few. */
async function workToTheEnd(world: World, bus: Bus, context: EventContext<Item>): Promise<void> {
  const { n } = context.payload
  const of = `${context.subscription} ${n}`
  const isPoison = failuresOf(world.profile.seed, context.subscription, n) === Number.POSITIVE_INFINITY
  if (isPoison && (world.failures.get(of) ?? 0) >= 4) world.failures.set(of, Number.POSITIVE_INFINITY)
  await work(world, bus, context)
}
