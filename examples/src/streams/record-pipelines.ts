import { createBus, defineEvent } from '@busbar/core'
import { filter, map, mergeMap } from 'rxjs'
import { print, printed } from '../support/sorted-output.js'
import { exampleTransport } from '../support/transport.js'

const Reading = defineEvent<{ sensor: string; value: number }>('reading', { key: reading => reading.sensor })
const Alarm = defineEvent<{ sensor: string; text: string }>('alarm', { key: alarm => alarm.sensor })

const bus = createBus({ name: 'monitor', transport: exampleTransport() })

// Acknowledged when the emission returns: synchronous operators.
bus
  .stream(Reading, { group: 'dashboard' })
  .pipe(
    filter(data => data.value > 100),
    map(data => ({ ...data, processed: true })),
  )
  .subscribe(data => print(`dashboard: ${JSON.stringify(data)}`))

// A pipeline per record: acknowledged when it completes, whatever its operators wait for.
bus
  .stream(Reading, { group: 'archive' }, reading$ =>
    reading$.pipe(mergeMap(async reading => `archived ${await store(reading.value)}`)),
  )
  .subscribe(print)

// Consume, transform, publish.
bus.pipe(
  Reading,
  { group: 'alarms' },
  reading$ =>
    reading$.pipe(
      filter(({ value }) => value > 200),
      map(({ sensor, value }) => ({ sensor, text: `${value} is too hot` })),
    ),
  Alarm,
)
bus.subscribe(Alarm, { group: 'pager' }, alarm => print(`${alarm.sensor}: ${alarm.text}`))

await bus.start()
for (const value of [99, 150, 210]) await bus.publish(Reading, { sensor: 'boiler', value })
await printed(6)
await bus.close()

async function store(value: number): Promise<number> {
  return value
}
