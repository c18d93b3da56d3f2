import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBus, defineEvent, logging } from '@busbar/core'
import { pino } from 'pino'
import { eventually } from '../support/eventually.js'
import { exampleTransport } from '../support/transport.js'

const folder = await mkdtemp(join(tmpdir(), 'busbar-logging-'))
const file = join(folder, 'accounts.log')

// The usual to the console, and all there is into a file; each in a thread of pino's.
const targets = pino.transport({
  targets: [
    { level: 'info', target: 'pino/file', options: { destination: 1 } },
    { level: 'debug', target: 'pino/file', options: { destination: file } },
  ],
})
// What differs from run to run is left out, since the output of this program is tested.
const steady = {
  base: null,
  timestamp: false,
  formatters: { log: (fields: object) => ({ ...fields, durationMs: undefined }) },
}
const logger = pino({ level: 'debug', redact: ['payload.email'], ...steady }, targets)

const UserCreated = defineEvent<{ id: string; email: string }>('user.created', {
  topic: { name: 'users', partitions: 1 },
  key: user => user.id,
})
const bus = createBus({ name: 'accounts', transport: exampleTransport(), logger })
bus.use(logging({ payload: true }))

const handled = new Promise<void>(resolve => {
  bus.onDelivery(() => resolve())
})
bus.subscribe(UserCreated, { group: 'mailer' }, (_user, context) => {
  // A child of the bus's logger: event, id, group, subscription and attempt are in each of its lines.
  context.logger.info({ mail: 'welcome' }, 'mail sent')
  context.logger.debug('the mail server took its time')
})
await bus.start()
await bus.publish(UserCreated, { id: '1', email: 'ada@example.com' }, { id: 'event-1' })
await handled
await bus.close()

// pino's threads write when they come to it.
const text = await eventually(
  () => readFile(file, 'utf8').catch(() => ''),
  found => found.includes('partitions revoked'),
)
console.log(`in the file, too: ${text.includes('took its time')}; an address in it: ${text.includes('@')}`)
await rm(folder, { recursive: true })
