import { createServer, type Socket } from 'node:net'
import type { OutboundRecord } from '@busbar/core'

/** A stored record, as far as the tests care. */
export interface LoggedRecord {
  readonly topic: string
  readonly key: string
  readonly id: string
}

/** A log in this process that other processes send records to: what it has, it has, whoever dies. */
export interface LogServer extends AsyncDisposable {
  readonly port: number
  readonly log: readonly LoggedRecord[]
}

/** One line of a client: the number of the call, and its records. The answer is the number in a line. */
export interface LogCall {
  readonly call: number
  readonly records: readonly LoggedRecord[]
}

export async function logServer(): Promise<LogServer> {
  const log: LoggedRecord[] = []
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    onLine(socket, line => {
      const { call, records } = JSON.parse(line) as LogCall
      log.push(...records)
      socket.write(`${call}\n`)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    log,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Calls back for each whole line; what a killed process had written in part is dropped. */
export function onLine(socket: Socket, callback: (line: string) => void): void {
  let rest = ''
  socket.on('data', chunk => {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) callback(line)
  })
}

export function logged({ topic, key, headers }: OutboundRecord): LoggedRecord {
  return { topic, key: Buffer.from(key ?? []).toString(), id: String(headers['ce_id']) }
}
