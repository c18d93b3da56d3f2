import net from 'node:net'
import tls from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

/** How long a socket that kafkajs has left may take to write what it was given. Milliseconds. */
const leaveMs = 1_000
const keepAliveMs = 60_000

/**
 * A socket factory for kafkajs that lets only whole frames (an int32 size, then as many bytes) through, and nothing at
 * all once kafkajs has left the socket. Otherwise as kafkajs's own factory: TLS where `ssl` is set, with the host as
 * server name unless it is an address; the connection timeout is kafkajs's and stays in force.
 *
 * kafkajs re-uses one `Connection` for the sockets that follow one another. Without this
 * - bytes of a frame that a lost connection left behind are read as the start of the next connection's first answer,
 *   which ends the process with an uncaught `ERR_BUFFER_OUT_OF_BOUNDS`;
 * - a late `end` or `connect` of a socket that was given up closes, or opens, the connection that replaced it.
 */
export function framingSocketFactory(): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket = ssl
      ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect)
    socket.setKeepAlive(true, keepAliveMs)
    frame(socket)
    return socket
  }
}

/** What kafkajs and the factory listen to: silent after `end()`. */
const outward = new Set<string | symbol>(['data', 'end', 'error', 'timeout', 'connect', 'secureConnect'])

function frame(socket: net.Socket): void {
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...args: unknown[]) => boolean
  const unref = socket.unref.bind(socket)
  const end = socket.end.bind(socket) as (...args: unknown[]) => net.Socket
  const frames = new FrameBuffer()
  let left = false

  socket.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (left && outward.has(event)) return false
    if (event !== 'data') return emit(event, ...args)
    const whole = frames.push(args[0] as Buffer)
    return whole ? emit('data', whole) : true
  }
  socket.end = (...args: unknown[]): net.Socket => {
    if (left) return socket
    left = true
    if (socket.connecting) return socket.destroy()
    socket.once('finish', () => socket.destroy())
    setTimeout(() => socket.destroy(), leaveMs).unref()
    return end(...args)
  }
  // kafkajs may leave a socket many times over; without a handle each `unref` would listen for `connect`.
  socket.unref = (): net.Socket => (socket.destroyed ? socket : unref())
}

/** Gathers chunks until they hold at least one whole frame. */
export class FrameBuffer {
  #parts: Buffer[] = []
  #have = 0
  #need = 4

  /** The frames that are whole now, as they came, or undefined. Keeps what is behind them. */
  push(chunk: Buffer): Buffer | undefined {
    this.#parts.push(chunk)
    this.#have += chunk.length
    if (this.#have < this.#need) return undefined
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#have)
    let whole = 0
    this.#need = 4
    while (bytes.length - whole >= 4) {
      // A negative size is no frame: kafkajs sees it and fails, rather than this waiting forever.
      const size = 4 + Math.max(0, bytes.readInt32BE(whole))
      if (bytes.length - whole < size) {
        this.#need = size
        break
      }
      whole += size
    }
    const tail = bytes.subarray(whole)
    this.#parts = tail.length > 0 ? [tail] : []
    this.#have = tail.length
    return whole > 0 ? bytes.subarray(0, whole) : undefined
  }
}
