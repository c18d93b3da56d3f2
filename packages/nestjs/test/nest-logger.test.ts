import { BusbarError } from '@busbar/core'
import { nestLogger } from '@busbar/nestjs'
import { Logger, type LoggerService } from '@nestjs/common'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite("Busbar's lines in Nest's log")

type Call = readonly [level: string, ...parameters: unknown[]]
const calls: Call[] = []
const note =
  (level: string) =>
  (message: unknown, ...more: unknown[]) =>
    void calls.push([level, message, ...more])
const service: LoggerService = {
  log: note('log'),
  error: note('error'),
  warn: note('warn'),
  debug: note('debug'),
}

test.before(() => void Logger.overrideLogger(service))
test.after(() => void Logger.overrideLogger(true))
test.before.each(() => void calls.splice(0))

test('the message comes first, then its fields and those of the child', () => {
  const logger = nestLogger().child({ group: 'mailer' }).child({ attempt: 2 })
  logger.info({ event: 'user.created', partitions: ['a/0', 'a/1'] }, 'partitions assigned')
  logger.debug('nothing more')
  assert.equal(calls, [
    [
      'log',
      "partitions assigned group=mailer attempt=2 event=user.created partitions=[ 'a/0', 'a/1' ]",
      'Busbar',
    ],
    ['debug', 'nothing more group=mailer attempt=2', 'Busbar'],
  ])
})

test('an error shows its message, and its stack where Nest wants it', () => {
  const err = new BusbarError('HANDLER_FAILED', 'no mail today')
  const logger = nestLogger('Mail')
  logger.warn({ err }, 'tried again')
  logger.error({ err, code: err.code }, 'failed')
  logger.error('on its own')
  assert.equal(calls, [
    ['warn', 'tried again err=no mail today', 'Mail'],
    ['error', 'failed err=no mail today code=HANDLER_FAILED', err.stack, 'Mail'],
    ['error', 'on its own', undefined, 'Mail'],
  ])
})

test('fields without a message are a line too', () => {
  nestLogger().info({ topic: 'users' })
  assert.equal(calls, [['log', 'topic=users', 'Busbar']])
})

test.run()
