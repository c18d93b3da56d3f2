/** One instance of a service that pipes a topic into another, exactly once, until it is told to close or killed. */
import { createBus, silentLogger } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { concatMap, delay, of } from 'rxjs'
import { numbersIn } from '../support/numbers-event.js'
import { finish, programOptions, tellParent, told, write } from '../support/program.js'

export interface PipingMemberOptions {
  readonly brokers: string[]
  readonly group: string
  readonly from: string
  readonly to: string
  readonly sessionTimeout: number
  readonly commitIntervalMs: number
  /** For each record. */
  readonly workMs: number
}

const { brokers, group, from, to, sessionTimeout, commitIntervalMs, workMs } =
  programOptions<PipingMemberOptions>()
const bus = createBus({
  name: 'piping',
  logger: silentLogger,
  transport: kafkaTransport({ brokers, commitIntervalMs, consumer: { sessionTimeout } }),
})
bus.onEvent(event => {
  if (event.type === 'transaction-failed') write('failed', event.error.message)
})
bus.pipe(
  numbersIn(from),
  { group, exactlyOnce: true },
  number$ =>
    number$.pipe(
      concatMap(({ key, number }) => {
        write('taken', key, number)
        return of({ key, number }).pipe(delay(workMs))
      }),
    ),
  numbersIn(to),
)
await bus.start()
tellParent('ready')
await told('close')
await bus.close()
finish()
