import { type Bus, defineError, defineRequest, type OutboundRecord } from '@busbar/core'
import { deadline } from '@busbar/testkit'
import { type MemoryBroker, memoryTransport } from '@busbar/transport-memory'
import * as z from 'zod'
import { recordingLogger } from './bus.js'
import { FakeRuntime } from './fake-runtime.js'

export const NotFound = defineError('NotFound', {
  data: z.object({ id: z.string(), hint: z.string().default('none') }),
})

export const GetUser = defineRequest('user.get', {
  request: z.object({ id: z.string() }),
  reply: z.object({ name: z.string(), role: z.string().default('guest') }),
  errors: { NotFound },
})

/** Runs `work` with the buses started, and closes them after it. */
export const withBuses = (buses: readonly Bus[], work: () => Promise<void>) =>
  deadline(5_000, 'the test', async () => {
    try {
      await Promise.all(buses.map(bus => bus.start()))
      await work()
    } finally {
      await Promise.all(buses.map(bus => bus.close({ timeoutMs: 20 })))
    }
  })

/** Sends records past any bus, as another framework would. */
export async function sendRaw(
  broker: MemoryBroker,
  records: readonly Partial<OutboundRecord>[],
): Promise<void> {
  const transport = memoryTransport({ broker })
  await transport.connect({
    clientId: 'raw',
    logger: recordingLogger(),
    runtime: new FakeRuntime(),
    onEvent: () => {},
  })
  await transport.send(
    records.map(record => ({
      topic: 'user.get',
      key: null,
      value: null,
      headers: {},
      timestampMs: Date.now(),
      ...record,
    })),
  )
  await transport[Symbol.asyncDispose]()
}
