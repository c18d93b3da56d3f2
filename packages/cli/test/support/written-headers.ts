import { createBus, type EventDefinition } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'

/** The headers of a record of an event as a bus publishes it. */
export async function headersOf<T>(event: EventDefinition<T>, payload: T): Promise<Record<string, unknown>> {
  await using bus = createBus({ name: 'tests', transport: memoryTransport() })
  const received = new Promise<Record<string, unknown>>(resolve => {
    bus.subscribe(event, (_, context) => resolve(Object.fromEntries(context.headers)))
  })
  await bus.start()
  await bus.publish(event, payload)
  return await deadline(5_000, 'the event', received)
}
