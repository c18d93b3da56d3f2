import { connect } from 'node:net'

/**
 * Sends bytes to a port of 127.0.0.1 and resolves with the first that come back.
 *
 * @throws Error when nobody listens, the connection closes without an answer, or none comes within a second.
 */
export function firstAnswer(port: number, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(bytes))
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')))
    socket.once('data', answer => {
      resolve(answer)
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without an answer')))
  })
}
