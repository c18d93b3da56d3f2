import {
  createBus,
  type DeliveryReport,
  defineEvent,
  type EventContext,
  type MiddlewareLike,
  retry,
  silentLogger,
} from '@busbar/core'
import { postgresClient, type TransactionalOptions, transactional } from '@busbar/store-postgres'
import { memoryTransport } from '@busbar/transport-memory'
import type { Pool, PoolClient } from 'pg'

export const OrderPaid = defineEvent<{ order: string }>('order.paid', { key: order => order.order })

export interface OrderServiceOptions {
  readonly pool: Pool
  readonly table: string
  /** Outside of the transaction. */
  readonly outside?: MiddlewareLike
  readonly transactional?: TransactionalOptions
  readonly handle: (client: PoolClient, order: string, context: EventContext) => unknown
}

/** A service with a transactional handler, and a log of its own: what comes to two of them are duplicates. */
export interface OrderService extends AsyncDisposable {
  readonly reports: readonly DeliveryReport[]
  /** Publishes an event with this id, and resolves with what became of its delivery. */
  deliver(id: string): Promise<DeliveryReport>
}

export async function orderService(options: OrderServiceOptions): Promise<OrderService> {
  const bus = createBus({ name: 'billing', transport: memoryTransport(), logger: silentLogger })
  const reports: DeliveryReport[] = []
  const waiting: { id: string; resolve: (report: DeliveryReport) => void }[] = []
  bus.onDelivery(report => {
    reports.push(report)
    const index = waiting.findIndex(({ id }) => id === report.id)
    if (index >= 0) waiting.splice(index, 1)[0]?.resolve(report)
  })
  const { pool, table, outside = (_, next) => next() } = options
  const use = [
    outside,
    retry({ attempts: 3, delayMs: 1 }),
    transactional(pool, { table, ...options.transactional }),
  ]
  bus.subscribe(OrderPaid, { use }, (payment, context) =>
    options.handle(context.values.get(postgresClient), payment.order, context),
  )
  await bus.start()
  return {
    reports,
    async deliver(id) {
      const report = new Promise<DeliveryReport>(resolve => {
        waiting.push({ id, resolve })
      })
      await bus.publish(OrderPaid, { order: id }, { id })
      return report
    },
    [Symbol.asyncDispose]: () => bus.close(),
  }
}
