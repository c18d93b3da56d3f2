import {
  type Bus,
  BusbarError,
  createBus,
  defineEvent,
  type EventContext,
  type IdempotencyStore,
  idempotent,
  type Middleware,
  type MiddlewareLike,
  type Outcome,
  retry,
  type StandardSchema,
  type SubscribeOptions,
  silentLogger,
  type Transport,
  timeout,
} from '@busbar/core'
import { badId, type Death, type MatrixCase, targetOf } from './cases.js'

/** Writes down what happened: a case's topic, what, the record's id, and more. */
type Journal = (
  topic: string,
  what: 'start' | 'effect' | 'outcome' | 'point',
  id: string,
  more?: string,
) => void

export interface ServiceOptions {
  readonly transport: Transport
  readonly cases: readonly MatrixCase[]
  /** Where every case stops for good, to be killed there; undefined: it runs through. */
  readonly death: Death | undefined
  readonly journal: Journal
  readonly store: IdempotencyStore
}

interface Item {
  readonly id: string
}

const never = () => new Promise<never>(() => {})

const schema: StandardSchema<Item, Item> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: value =>
      typeof (value as Item).id === 'string'
        ? { value: value as Item }
        : { issues: [{ message: 'id is no text' }] },
  },
}

/** A bus with one subscription for each case, in a group of its own. */
export function matrixBus({ transport, cases, death, journal, store }: ServiceOptions): Bus {
  const byTopic = new Map(cases.map(each => [each.topic, each]))
  const stop = async (at: Death, each: MatrixCase, id: string) => {
    if (death !== at || id !== targetOf(each)) return
    journal(each.topic, 'point', id)
    await never()
  }
  if (death === 'in the dead-letter write') dieWriting(transport, byTopic, journal)
  if (death === 'before the commit') keepFromCommitting(transport)
  const bus = createBus({ name: 'matrix', transport, logger: silentLogger })
  bus.onDelivery(report => {
    const topic = report.subscription
    journal(topic, 'outcome', report.id, report.outcome.replaceAll(' ', '-'))
    const each = byTopic.get(topic)
    if (each && death === 'before the commit' && report.id === targetOf(each))
      journal(topic, 'point', report.id)
  })
  for (const each of cases) {
    const event = defineEvent<typeof schema>('item', { topic: { name: each.topic, partitions: 2 }, schema })
    const work = async (id: string, context: EventContext): Promise<void> => {
      journal(each.topic, 'start', id)
      await stop('in the handler', each, id)
      journal(each.topic, 'effect', id)
      await stop('after the effect', each, id)
      if (id === badId) await misbehave(each, context)
    }
    const before: Middleware = {
      name: 'before',
      event: async (context, next) => {
        await stop('before the handler', each, context.id)
        await next()
      },
    }
    const options = { ...optionsOf(each, before, store), name: each.topic, group: each.group }
    if (each.shape === 'single') bus.subscribe(event, options, ({ id }, context) => work(id, context))
    else {
      bus.subscribeBatch(event, { ...options, maxSize: 4, maxWaitMs: 5 }, async batch => {
        await Promise.all(batch.map(item => work(item.payload.id, item.context).then(item.done, item.fail)))
      })
    }
  }
  return bus
}

async function misbehave({ kind }: MatrixCase, { attempt }: EventContext): Promise<void> {
  if (kind === 'throws always' || (kind === 'throws once' && attempt === 1))
    throw new Error('the handler failed')
  if (kind === 'not retryable') throw new BusbarError('PAYLOAD_INVALID', 'the handler wants none of it')
  if (kind === 'never settles') await never()
}

function optionsOf(
  { kind, middleware }: MatrixCase,
  before: Middleware,
  store: IdempotencyStore,
): SubscribeOptions {
  const limit: MiddlewareLike[] = kind === 'never settles' ? [timeout(1_000)] : []
  const inPlace = retry({ attempts: 3, delayMs: 10 })
  switch (middleware) {
    case 'default':
      return { use: [inPlace, before, ...limit] }
    case 'retry via topic':
      return { use: [retry({ via: 'topic', attempts: 3, delayMs: 20 }), before, ...limit] }
    case 'idempotent':
      return { use: [inPlace, before, idempotent(store, { leaseMs: 1_000 }), ...limit] }
    case 'hand-back':
      return { use: [before, ...limit], onFailure: 'hand-back' }
  }
}

/** Acknowledgements go nowhere, as in a process that dies before its next commit. */
function keepFromCommitting(transport: Transport): void {
  const subscribe = transport.subscribe.bind(transport)
  transport.subscribe = (spec, deliver) =>
    subscribe(spec, batch => {
      const deliveries = batch.deliveries.map(delivery => ({
        record: delivery.record,
        attempt: delivery.attempt,
        settle: (outcome: Outcome) => outcome.kind === 'ack' || delivery.settle(outcome),
      }))
      return deliver({ topic: batch.topic, partition: batch.partition, signal: batch.signal, deliveries })
    })
}

/** Stops in the write of each case's dead letter: of every other one before it has any effect, of the rest after. */
function dieWriting(transport: Transport, byTopic: ReadonlyMap<string, MatrixCase>, journal: Journal): void {
  const send = transport.send.bind(transport)
  transport.send = async records => {
    const [record] = records
    const each = record?.topic.endsWith('.dlq') ? byTopic.get(record.topic.split('.')[0] ?? '') : undefined
    if (!each) return send(records)
    if (Number(each.topic.split('-').at(-1)) % 4 < 2) await send(records)
    journal(each.topic, 'point', badId)
    return never()
  }
}
