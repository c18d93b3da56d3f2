import { createBus, defineEvent } from '@busbar/core'
import { print, printed } from '../support/sorted-output.js'
import { exampleTransport } from '../support/transport.js'

const Line = defineEvent<string>('line')
const WordCounted = defineEvent<number>('word.counted')

const bus = createBus({ name: 'words', transport: exampleTransport() })

const counts = bus
  .stream(Line)
  .keyed()
  .flatMapValues(line => line.split(' '))
  .groupBy(word => word, { name: 'words' }) // by way of a topic, so that one word meets in one partition
  .count({ store: 'counts' })
counts.to(WordCounted)

bus.subscribe(WordCounted, { group: 'screen' }, (count, context) => print(`${context.key}: ${count}`))

await bus.start()
await bus.publish(Line, 'to be or not to be')
await printed(6)
await counts.ready
console.log(`"be" was there ${await counts.get('be')} times`)
await bus.close()
