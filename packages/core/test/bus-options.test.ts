import { createBus, type Logger, silentLogger, type Transport } from '@busbar/core'
import { memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from './support/assertions.js'

const test = suite('bus options')

test('a transport serves one bus, and is not taken by one that could not be made', () => {
  const transport = memoryTransport()
  const options = { name: 'a', transport }
  throws(() => createBus({ ...options, consume: { concurrency: 0 } }), 'CONFIG_INVALID')
  throws(() => createBus({ ...options, requests: { replyTopic: 'a/b' } }), 'TOPIC_INVALID')
  createBus(options)
  throws(() => createBus(options), 'CONFIG_INVALID')
})

for (const bad of [0, -1, Number.NaN, '5', null]) {
  test(`${bad} is no number of anything in the options`, () => {
    const make = (more: object) => () => createBus({ name: 'a', transport: memoryTransport(), ...more })
    const value = bad === null ? Number.NEGATIVE_INFINITY : bad
    throws(make({ consume: { maxInFlight: value } }), 'CONFIG_INVALID')
    throws(make({ consume: { redelivery: { delayMs: value } } }), 'CONFIG_INVALID')
    throws(make({ requests: { timeoutMs: value } }), 'CONFIG_INVALID')
  })
}

test('a bus needs a name and a transport', () => {
  throws(() => createBus({ name: '', transport: memoryTransport() }), 'CONFIG_INVALID')
  throws(() => createBus({ name: 'a', transport: undefined as unknown as Transport }), 'CONFIG_INVALID')
})

test('a logger that lacks a method is refused at once, and not at the first line of a delivery', () => {
  const makes = (logger: unknown) => () =>
    createBus({ name: 'a', transport: memoryTransport(), logger: logger as Logger })
  assert.match(throws(makes(console), 'CONFIG_INVALID').message, /"logger" has no method child: give it/)
  assert.match(
    throws(makes({ ...silentLogger, warn: 1, debug: undefined }), 'CONFIG_INVALID').message,
    /debug, warn:/,
  )
  assert.match(throws(makes(null), 'CONFIG_INVALID').message, /debug, info, warn, error, child/)
})

test.run()
