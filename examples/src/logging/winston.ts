import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBus, defineEvent, logging, messageFirst, retry } from '@busbar/core'
import winston from 'winston'
import { exampleTransport } from '../support/transport.js'

const folder = await mkdtemp(join(tmpdir(), 'busbar-logging-'))
const toFile = new winston.transports.File({ filename: join(folder, 'accounts.log'), level: 'debug' })

const { printf } = winston.format
interface Line {
  readonly level: string
  readonly message: string
  readonly id?: string
  readonly attempt?: number
  readonly err?: { readonly message: string }
}
const line = printf(info => {
  const { level, message, id, attempt, err } = info as unknown as Line
  const event = id ? `, event ${id}` : ''
  const time = attempt ? `, attempt ${attempt}` : ''
  return `${level} ${message}${event}${time}${err ? `: ${err.message}` : ''}`
})
const toConsole = new winston.transports.Console({ level: 'info', format: line })
const winstonLogger = winston.createLogger({ level: 'debug', transports: [toConsole, toFile] })

const UserCreated = defineEvent<{ id: string; email: string }>('user.created', {
  topic: { name: 'users', partitions: 1 },
  key: user => user.id,
})
const bus = createBus({
  name: 'accounts',
  transport: exampleTransport(),
  logger: messageFirst(winstonLogger),
})
bus.use(logging())

const handled = new Promise<void>(resolve => {
  bus.onDelivery(() => resolve())
})
bus.subscribe(
  UserCreated,
  { group: 'mailer', use: [retry({ delayMs: 10 })] },
  (_user, { attempt, logger }) => {
    if (attempt === 1) throw new Error('the mail server is down', { cause: new Error('no route') })
    logger.info({ mail: 'welcome' }, 'mail sent')
  },
)
await bus.start()
await bus.publish(UserCreated, { id: '1', email: 'ada@example.com' }, { id: 'event-1' })
await handled
await bus.close()

const written = once(toFile, 'finish')
winstonLogger.end()
await written
const text = await readFile(join(folder, 'accounts.log'), 'utf8')
const [failure] = text.split('\n').filter(each => each.includes('is tried again'))
const { err } = JSON.parse(failure ?? '{}') as { err: { cause: { message: string } } }
console.log(`in the file, too, its cause: ${err.cause.message}`)
await rm(folder, { recursive: true })
