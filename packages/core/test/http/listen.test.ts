import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BusbarError, createBus, silentLogger } from '@busbar/core'
import { busbar, healthEndpoints } from '@busbar/core/fastify'
import { listen } from '@busbar/core/http'
import { deadline } from '@busbar/testkit'
import { memoryTransport } from '@busbar/transport-memory'
import fastify from 'fastify'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from '../support/assertions.js'

const test = suite('listen')
const service = () => createBus({ name: 'service', transport: memoryTransport(), logger: silentLogger })

test('a port that is taken is an error that names it, and the bus is closed', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => taken.once('listening', resolve))
  const { port } = taken.address() as AddressInfo
  const bus = service()
  await deadline(5_000, 'listening', async () => {
    const { message } = await rejects(
      listen(bus, () => {}, { port, host: '127.0.0.1' }),
      'CONFIG_INVALID',
    )
    assert.match(message, new RegExp(`listening on 127.0.0.1:${port}: .*EADDRINUSE`))
    assert.is(bus.state, 'closed')
  })
  taken.close()
})

test('a bus that cannot start keeps the server from listening, and can be tried again', async () => {
  const transport = memoryTransport()
  const connect = transport.connect.bind(transport)
  transport.connect = async () => {
    throw new BusbarError('CONNECTION_FAILED', 'nobody there')
  }
  const bus = createBus({ name: 'service', transport, logger: silentLogger })
  const server = createServer()
  await deadline(5_000, 'listening', async () => {
    await rejects(listen(bus, server, { port: 0 }), 'CONNECTION_FAILED')
    assert.is(server.listening, false)
    transport.connect = connect
    const running = await listen(bus, server, { port: 0 })
    assert.match(running.url, /^http:\/\/127\.0\.0\.1:\d+$/)
    await running.close()
  })
})

test('closes with await using, and once however often it is called', async () => {
  const bus = service()
  await deadline(5_000, 'the close', async () => {
    {
      await using running = await listen(bus, (_, response) => response.end('yes'), { port: 0 })
      assert.is(await (await fetch(running.url)).text(), 'yes')
      assert.is(running.close(), running.close())
    }
    assert.is(bus.state, 'closed')
  })
})

test('refuses a time that is none', async () => {
  const { message } = await rejects(
    listen(service(), () => {}, { closeTimeoutMs: 0 }),
    'CONFIG_INVALID',
  )
  assert.match(message, /listen\.closeTimeoutMs/)
})

test('a Fastify server that is given no bus says so', async () => {
  const registered = fastify()
    .register(busbar, {} as never)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
  assert.match(String(await registered), /option "bus" must be a bus/)
})

test('health of a Fastify server without a bus says what is missing', async () => {
  const app = fastify()
  const registered = app.register(healthEndpoints).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.match(String(await registered), /register the plugin busbar before it/)
})

test.run()
