import { BusbarError, consoleLogger, silentLogger } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('loggers')

function captured(work: () => void): string[] {
  const lines: string[] = []
  const { warn, error, log, info, debug } = console
  const keep = (line: string) => void lines.push(line)
  Object.assign(console, { warn: keep, error: keep, log: keep, info: keep, debug: keep })
  try {
    work()
  } finally {
    Object.assign(console, { warn, error, log, info, debug })
  }
  return lines
}

test('the default logger writes warnings and errors, in one line with their fields', () => {
  const lines = captured(() => {
    consoleLogger.debug('no')
    consoleLogger.info({ no: 1 }, 'no')
    consoleLogger.warn('plain')
    consoleLogger.error({ err: new BusbarError('INTERNAL', 'boom'), n: 1 }, 'text')
    consoleLogger.error({ only: 'fields' })
    consoleLogger.child({ bus: 'b' }).child({ group: 'g' }).warn({ n: 2 }, 'child')
  })
  assert.equal(lines, [
    'busbar warn plain',
    'busbar error text err=boom n=1',
    'busbar error only=fields',
    'busbar warn child bus=b group=g n=2',
  ])
})

test('no field can make the default logger throw or hide what it holds', () => {
  const circular: Record<string, unknown> = { a: 1 }
  circular['self'] = circular
  const bare = Object.assign(Object.create(null) as object, { n: 1 })
  const [line, ...more] = captured(() =>
    consoleLogger.warn(
      { list: ['a', 'b'], object: { deep: { er: 1 } }, circular, bare, symbol: Symbol('s') },
      'odd',
    ),
  )
  assert.equal(more, [])
  assert.match(String(line), /list=.*a.*b/)
  assert.match(String(line), /er: 1/)
  assert.not.match(String(line), /\[object Object\]|\n/)
})

test('the silent logger writes nothing, and neither do its children', () => {
  const lines = captured(() => {
    silentLogger.error('x')
    silentLogger.child({ a: 1 }).warn('x')
  })
  assert.equal(lines, [])
})

test.run()
