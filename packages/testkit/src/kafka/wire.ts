import { connect } from 'node:net'

/**
 * Sends one request in Kafka's protocol to a plain-text listener and resolves its response's body, without the
 * correlation id. For request versions with the header version 1 only (not the "flexible" ones).
 *
 * @throws Error when the connection fails or closes, or after `timeoutMs` (default: five seconds).
 */
export function kafkaRoundTrip(
  port: number,
  request: { apiKey: number; apiVersion: number; body: Buffer },
  timeoutMs = 5_000,
): Promise<Buffer> {
  const header = Buffer.alloc(10)
  header.writeInt16BE(request.apiKey, 0)
  header.writeInt16BE(request.apiVersion, 2)
  header.writeInt32BE(1, 4)
  header.writeInt16BE(-1, 8)
  const size = Buffer.alloc(4)
  size.writeInt32BE(header.length + request.body.length)

  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let received = Buffer.alloc(0)
    const fail = (reason: string) => {
      socket.destroy()
      reject(new Error(`Kafka at port ${port}: ${reason}`))
    }
    socket.setTimeout(timeoutMs, () => fail(`no answer in ${timeoutMs} ms`))
    socket.once('error', error => fail(error.message))
    socket.once('close', () => fail('connection closed'))
    socket.once('connect', () => socket.write(Buffer.concat([size, header, request.body])))
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      if (received.length < 8 || received.length < 4 + received.readInt32BE(0)) return
      resolve(received.subarray(8))
      socket.destroy()
    })
  })
}

/** A string as Kafka's protocol has it; `null` where the field allows it. */
export function kafkaString(text: string | null): Buffer {
  const bytes = Buffer.from(text ?? '')
  const size = Buffer.alloc(2)
  size.writeInt16BE(text === null ? -1 : bytes.length)
  return Buffer.concat([size, bytes])
}
