import { BusbarError, createBus, defineEvent, silentLogger } from '@busbar/core'
import { avro } from '@busbar/core/avro'
import { memoryRegistry, type RegistryOptions } from '@busbar/schema-registry'
import { eventually } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('several Avro events on one topic')

const fields = [{ name: 'id', type: 'string' }] as const
const Opened = defineEvent('opened', {
  topic: 'doors',
  schema: avro({ type: 'record', name: 'Opened', namespace: 'doors', fields }),
})
const Closed = defineEvent('closed', {
  topic: 'doors',
  schema: avro({ type: 'record', name: 'Closed', namespace: 'doors', fields }),
})

const newBus = (options: RegistryOptions) =>
  createBus({
    name: 'doors',
    transport: memoryTransport(),
    logger: silentLogger,
    registry: memoryRegistry(options),
  })

test('with one subject for the topic, the second is refused with what to do', async () => {
  await using bus = newBus({ autoRegister: true })
  await bus.start()
  await bus.publish(Opened, { id: '1' })
  const refused = await bus.publish(Closed, { id: '1' }).catch((error: unknown) => error)
  assert.instance(refused, BusbarError)
  const { code, message } = refused as BusbarError
  assert.is(code, 'SCHEMA_INCOMPATIBLE')
  assert.match(
    message,
    /holds record doors\.Opened, and this is doors\.Closed: .* option subjects: 'topic-record'/,
  )
})

for (const subjects of ['topic-record', 'record'] as const) {
  test(`with subjects by ${subjects}, each has its own`, async () => {
    await using bus = newBus({ autoRegister: true, subjects })
    const got: string[] = []
    bus.subscribe(Opened, ({ id }) => void got.push(`opened ${id}`))
    bus.subscribe(Closed, ({ id }) => void got.push(`closed ${id}`))
    await bus.start()
    await bus.publish(Opened, { id: '1' })
    await bus.publish(Closed, { id: '2' })
    await eventually(() => assert.equal(got.toSorted(), ['closed 2', 'opened 1']))
  })
}

test.run()
