import assert from 'node:assert/strict'
import { type Bus, BusbarError, createBus, defineEvent, type EventContext, silentLogger } from '@busbar/core'
import { openTelemetry } from '@busbar/core/opentelemetry'
import { metrics } from '@busbar/core/prometheus'
import { eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { Registry } from 'prom-client'
import { suite } from 'uvu'

const test = suite('a stream with a state on Kafka, as others see it')
const kafka = await kafkaForTests()

if (kafka !== undefined) {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const service = (name: string) => {
    const exporter = new InMemorySpanExporter()
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    const bus = createBus({ name: uniqueName(name), transport: kafkaTransport(kafka), logger: silentLogger })
    bus.use(openTelemetry({ tracerProvider: provider }))
    return { bus, spans: () => exporter.getFinishedSpans() }
  }

  test('its dead letter is counted, its span is below that of the publish, and what it leads to is in the same trace', async () => {
    const Ordered = defineEvent<{ id: string; customer: string }>(uniqueName('ordered'), {
      key: ({ id }) => id,
    })
    const Counted = defineEvent<{ customer: string; orders: number }>(uniqueName('counted'), {
      key: ({ customer }) => customer,
    })
    const shop = service('shop')
    const stats = service('stats')
    const register = new Registry()
    stats.bus.use(metrics(register))
    stats.bus
      .stream(Ordered)
      .keyed()
      .filter(({ id }) => {
        if (id === 'bad') throw new BusbarError('PAYLOAD_INVALID', 'bad')
        return true
      })
      .groupBy(({ customer }) => customer, { name: 'by-customer' })
      .count({ store: 'orders' })
      .to(Counted, (orders, { key }) => ({ customer: key, orders }))
    const counted: EventContext[] = []
    shop.bus.subscribe(Counted, (_, record) => void counted.push(record))
    const buses: Bus[] = [stats.bus, shop.bus]
    try {
      for (const bus of buses) await bus.start()
      await shop.bus.publish(Ordered, { id: 'bad', customer: 'ada' })
      await shop.bus.publish(Ordered, { id: 'good', customer: 'ada' })
      const [bad, good] = shop.spans().map(span => span.spanContext())
      await eventually(
        async () => {
          const text = await register.metrics()
          const line = text
            .split('\n')
            .find(
              each => /^busbar_deliveries_total.*outcome="dead-lettered"/.test(each) && each.endsWith(' 1'),
            )
          assert.match(
            line ?? '',
            new RegExp(`subscription="${stats.bus.name}/streams",event="${Ordered.name}"`),
          )
          assert.equal(counted.length, 1)
        },
        { timeoutMs: 60_000 },
      )
      const inner = `${stats.bus.name}.by-customer.repartition`
      const lines = stats.spans().map(({ name, parentSpanContext, attributes }) => ({
        name,
        parent: parentSpanContext?.spanId,
        outcome: attributes['busbar.outcome'],
      }))
      const process = `process ${Ordered.topic.name}`
      assert.deepEqual(
        lines
          .filter(({ name }) => name === process)
          .sort((one, other) => String(other.outcome).localeCompare(String(one.outcome))),
        [
          { name: process, parent: bad?.spanId, outcome: 'failed' },
          { name: process, parent: good?.spanId, outcome: 'done' },
        ],
      )
      assert.equal(lines.filter(({ name }) => name === `process ${inner}`).length, 1)
      assert.equal(counted[0]?.headers.get('traceparent')?.split('-')[1], good?.traceId)
      assert.equal((await stats.bus.deadLetters().list()).length, 1)
    } finally {
      await Promise.all(buses.map(bus => bus.close()))
    }
  })
}

test.run()
