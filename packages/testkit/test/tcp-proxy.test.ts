import { eventually, tcpProxy } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { client, framedServer, request } from './framed-server.js'

const PRODUCE = 0
const FETCH = 1
const ANSWER_BYTES = 14

const test = suite<{
  server: Awaited<ReturnType<typeof framedServer>>
  proxy: Awaited<ReturnType<typeof tcpProxy>>
}>('tcpProxy')

test.before.each(async context => {
  context.server = await framedServer()
  context.proxy = await tcpProxy({ targetPort: context.server.port })
})
test.after.each(async ({ server, proxy }) => {
  await proxy.stop()
  await server.stop()
})

test('passes requests and answers, and counts requests by API key', async ({ proxy }) => {
  const { socket, state } = await client(proxy.port)
  // In odd pieces, as TCP may deliver them.
  const bytes = Buffer.concat([request(PRODUCE, 1, 'payload'), request(FETCH, 2), request(FETCH, 3)])
  for (const byte of bytes) socket.write(Buffer.from([byte]))
  await eventually(() => assert.is(state.bytes.length, 3 * ANSWER_BYTES))
  assert.is(proxy.requests(PRODUCE), 1)
  assert.is(proxy.requests(FETCH), 2)
  assert.is(proxy.connections, 1)
})

test('swallows the answer to one request, which the server did get, and closes', async ({
  server,
  proxy,
}) => {
  proxy.swallowResponses(PRODUCE)
  const first = await client(proxy.port)
  first.socket.write(request(FETCH, 1))
  first.socket.write(request(PRODUCE, 2))
  await eventually(() => assert.ok(first.state.closed))
  assert.equal(server.received, [1, 2])
  assert.is(first.state.bytes.length, ANSWER_BYTES)

  const second = await client(proxy.port)
  second.socket.write(request(PRODUCE, 3))
  await eventually(() => assert.is(second.state.bytes.length, ANSWER_BYTES))
})

test('cuts an answer in the middle', async ({ proxy }) => {
  proxy.cutMidFrame(FETCH)
  const { socket, state } = await client(proxy.port)
  socket.write(request(FETCH, 1))
  await eventually(() => assert.ok(state.closed))
  assert.is(state.bytes.length, ANSWER_BYTES / 2)
})

test('holds bytes while paused', async ({ server, proxy }) => {
  const { socket, state } = await client(proxy.port)
  proxy.pause()
  socket.write(request(FETCH, 1))
  await eventually(() => assert.is(proxy.requests(FETCH), 1))
  await new Promise(resolve => setTimeout(resolve, 50))
  assert.equal(server.received, [])
  proxy.resume()
  await eventually(() => assert.is(state.bytes.length, ANSWER_BYTES))
  assert.not.ok(state.closed)
})

test('delays frames, each way', async ({ proxy }) => {
  const { socket, state } = await client(proxy.port)
  proxy.delay(50)
  const start = Date.now()
  for (let id = 1; id <= 20; id++) socket.write(request(FETCH, id))
  await eventually(() => assert.is(state.bytes.length, 20 * ANSWER_BYTES), { everyMs: 2 })
  const took = Date.now() - start
  // The frames are under way at the same time: one after the other they would take two seconds.
  assert.ok(took >= 95 && took < 1_500, `took ${took} ms`)
})

test('refuses new connections and leaves open ones alone', async ({ proxy }) => {
  const { socket, state } = await client(proxy.port)
  await proxy.refuse()
  const error = await client(proxy.port).catch((reason: NodeJS.ErrnoException) => reason)
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
  socket.write(request(FETCH, 1))
  await eventually(() => assert.is(state.bytes.length, ANSWER_BYTES))
  await proxy.accept()
  const next = await client(proxy.port)
  next.socket.write(request(FETCH, 2))
  await eventually(() => assert.is(next.state.bytes.length, ANSWER_BYTES))
})

test('cuts all connections', async ({ proxy }) => {
  const clients = [await client(proxy.port), await client(proxy.port)]
  await eventually(() => assert.is(proxy.connections, 2))
  proxy.cutAll()
  await eventually(() => assert.ok(clients.every(({ state }) => state.closed)))
  assert.is(proxy.connections, 0)
})

test('drops a connection that does not speak the protocol', async ({ proxy }) => {
  const { socket, state } = await client(proxy.port)
  socket.write('GET / HTTP/1.1\r\n')
  await eventually(() => assert.ok(state.closed))
})

test.run()
