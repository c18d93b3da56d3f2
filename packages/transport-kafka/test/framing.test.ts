import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FrameBuffer, framingSocketFactory } from '../dist/framing-socket-factory.js'

function frame(text: string): Buffer {
  const bytes = Buffer.alloc(4 + text.length)
  bytes.writeInt32BE(text.length)
  bytes.write(text, 4)
  return bytes
}

test('passes whole frames however they were cut', () => {
  const stream = Buffer.concat([frame('one'), frame(''), frame('x'.repeat(70_000)), frame('last')])
  for (const step of [1, 3, 5, 1_000, 69_999, stream.length]) {
    const frames = new FrameBuffer()
    const got: Buffer[] = []
    for (let at = 0; at < stream.length; at += step) {
      const whole = frames.push(stream.subarray(at, at + step))
      if (whole) got.push(whole)
    }
    assert.ok(Buffer.concat(got).equals(stream), `cut every ${step} bytes`)
  }
})

test('keeps back a frame that is not whole', () => {
  const frames = new FrameBuffer()
  const two = Buffer.concat([frame('whole'), frame('cut off')])
  assert.equal(frames.push(two.subarray(0, two.length - 1)), frame('whole'))
})

test('a socket that was left says nothing more', async () => {
  let remote: Socket | undefined
  const server = createServer(socket => {
    remote = socket
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const events: string[] = []
  const socket = framingSocketFactory()({
    host: '127.0.0.1',
    port,
    ssl: false as never,
    onConnect: () => {
      events.push('connect')
    },
  })
  for (const event of ['data', 'end', 'error', 'timeout'] as const)
    socket.on(event, () => void events.push(event))
  await once(socket, 'connect')
  socket.end()
  remote?.write(frame('late'))
  remote?.end()
  await once(socket, 'close')
  assert.equal(events, ['connect'])
  // As kafkajs does again and again with a connection that is gone.
  for (let i = 0; i < 20; i++) socket.end().unref()
  assert.is(socket.listenerCount('connect'), 0)
  server.close()
})

test.run()
