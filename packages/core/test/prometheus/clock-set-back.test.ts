import { createBus, defineEvent, defineRequest, logging, systemRuntime } from '@busbar/core'
import { metrics } from '@busbar/core/prometheus'
import { eventually } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { recordingLogger } from '../support/bus.js'

const test = suite('a clock that is set back')
const Thing = defineEvent<string>('thing')
const Ask = defineRequest<string, string>('ask')

test('no duration is negative: not in metrics, log lines, nor health', async () => {
  let setBackMs = 0
  const setBack = () => {
    setBackMs += 60_000
  }
  const logger = recordingLogger()
  const register = new Registry()
  const bus = createBus({
    name: 'clock',
    transport: memoryTransport(),
    runtime: { ...systemRuntime, now: () => Date.now() - setBackMs },
    logger,
  })
  bus.use(logging(), metrics(register))
  let release = () => {}
  bus.subscribe(Thing, () => {
    setBack()
    return new Promise<void>(resolve => {
      release = resolve
    })
  })
  bus.reply(Ask, word => {
    setBack()
    return word
  })
  await bus.start()
  const publishing = bus.publish(Thing, 'a')
  setBack()
  await publishing
  await eventually(() => assert.is(setBackMs, 120_000))
  assert.equal(
    (await bus.health()).partitions.filter(({ waitingMs }) => waitingMs < 0),
    [],
  )
  release()
  await bus.request(Ask, 'b')
  const durations = () =>
    logger.lines.flatMap(({ fields }) => (fields['durationMs'] as number | undefined) ?? [])
  await eventually(() => assert.is(durations().length, 5))
  const sums = (await register.metrics())
    .split('\n')
    .filter(line => /_seconds_sum|waiting_seconds\{/.test(line))
  assert.ok(sums.length >= 4, String(sums))
  assert.equal(
    sums.filter(line => line.includes(' -')),
    [],
  )
  assert.ok(
    durations().every(ms => ms >= 0),
    String(durations()),
  )
  await bus.close()
})

test.run()
