import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '@busbar/testkit'

/** A port of this machine that leads to a server, until it is broken: then nobody listens, as when the server is down. */
export interface BreakablePath extends AsyncDisposable {
  readonly url: string
  break(): void
  mend(): Promise<void>
}

export async function breakablePath(target: string): Promise<BreakablePath> {
  const { hostname, port } = new URL(target)
  const open = new Set<Socket>()
  const keep = (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  }
  const pass = (socket: Socket) => {
    const onward = connect(Number(port), hostname)
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      keep(one)
      one.pipe(other)
      one.on('close', () => other.destroy())
    }
  }
  const listen = async (own: number): Promise<Server> => {
    const server = createServer(pass).listen(own, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  let server = await listen(await freePort())
  const url = new URL(target)
  url.port = String((server.address() as { port: number }).port)
  url.hostname = '127.0.0.1'
  const made: BreakablePath = {
    url: url.href,
    break() {
      server.close()
      for (const socket of open) socket.destroy()
    },
    async mend() {
      server = await listen(Number(url.port))
    },
    async [Symbol.asyncDispose]() {
      made.break()
    },
  }
  return made
}
