import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A frame of a request as Kafka has it, with nothing but a header and a text. */
export function request(apiKey: number, correlationId: number, text = ''): Buffer {
  const frame = Buffer.alloc(12 + text.length)
  frame.writeInt32BE(8 + text.length, 0)
  frame.writeInt16BE(apiKey, 4)
  frame.writeInt32BE(correlationId, 8)
  frame.write(text, 12)
  return frame
}

/** A server that answers each request with its correlation id and the text `answer`, and keeps what it got. */
export async function framedServer() {
  const received: number[] = []
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    let rest = Buffer.alloc(0)
    socket.on('data', chunk => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const correlationId = rest.readInt32BE(8)
        rest = rest.subarray(4 + rest.readInt32BE(0))
        received.push(correlationId)
        const answer = Buffer.alloc(14)
        answer.writeInt32BE(10, 0)
        answer.writeInt32BE(correlationId, 4)
        answer.write('answer', 8)
        socket.write(answer)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return { port: (server.address() as AddressInfo).port, received, stop }
}

/** A client that keeps the bytes it got. */
export async function client(port: number) {
  const socket = connect(port, '127.0.0.1')
  const state = { bytes: Buffer.alloc(0), closed: false }
  socket.on('error', () => {})
  socket.on('data', chunk => {
    state.bytes = Buffer.concat([state.bytes, chunk])
  })
  socket.on('close', () => {
    state.closed = true
  })
  await once(socket, 'connect')
  return { socket, state }
}
