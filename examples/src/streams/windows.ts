import { createBus, defineEvent, tumbling } from '@busbar/core'
import { print, printed } from '../support/sorted-output.js'
import { exampleTransport } from '../support/transport.js'

interface AdEvent {
  readonly ad: string
  readonly at: number
}
const Shown = defineEvent<AdEvent>('ad.shown', { key: each => each.ad })
const Clicked = defineEvent<AdEvent>('ad.clicked', { key: each => each.ad })

const bus = createBus({ name: 'ads', transport: exampleTransport() })
const timestamp = (each: AdEvent) => each.at // event time: the record's own timestamp by default

const clicks = bus.stream(Clicked, { timestamp }).keyed()
const shown = bus.stream(Shown, { timestamp }).keyed()

clicks
  .groupByKey()
  .windowedBy(tumbling({ sizeMs: 60_000, graceMs: 10_000 }))
  .count({ store: 'clicks-per-minute' })
  .subscribe(({ key, window, value }) => print(`${key} from ${window.startMs / 1_000} s: ${value} clicks`))

// A click within five seconds of the ad, whichever of the two records comes first.
shown
  .join(clicks, { store: 'click-through', withinMs: { beforeMs: 0, afterMs: 5_000 } }, (show, click) => ({
    ad: show.ad,
    afterMs: click.at - show.at,
  }))
  .forEach(({ ad, afterMs }) => {
    print(`${ad} was clicked after ${afterMs} ms`)
  })

await bus.start()
await bus.publish(Shown, { ad: 'boots', at: 1_000 })
await bus.publish(Clicked, { ad: 'boots', at: 3_500 })
await bus.publish(Clicked, { ad: 'boots', at: 61_000 })
await bus.publish(Clicked, { ad: 'boots', at: 59_000 }) // out of order, within the grace
await printed(4)
await bus.close()
