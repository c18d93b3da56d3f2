import { connect } from 'node:net'
import type { OutboundRecord, RecordPosition, Transport } from '@busbar/core'
import { memoryTransport } from '@busbar/transport-memory'
import { type LogCall, logged, onLine } from './log-server.js'

/** An in-memory transport that sends with the given function instead. */
export function sendingTransport(
  send: (records: readonly OutboundRecord[]) => Promise<void>,
  dispose = async () => {},
): Transport {
  return Object.assign(memoryTransport(), {
    async send(records: readonly OutboundRecord[]): Promise<readonly RecordPosition[]> {
      await send(records)
      return records.map(({ topic }) => ({ topic, partition: 0, offset: 0 }))
    },
    [Symbol.asyncDispose]: dispose,
  })
}

/** A transport that stores in the {@link logServer} of another process. */
export async function logTransport(port: number): Promise<Transport> {
  const socket = connect({ port, host: '127.0.0.1' })
  const waiting = new Map<number, () => void>()
  onLine(socket, line => waiting.get(Number(line))?.())
  let calls = 0
  return sendingTransport(
    async records => {
      const call: LogCall = { call: ++calls, records: records.map(logged) }
      await new Promise<void>(resolve => {
        waiting.set(call.call, resolve)
        socket.write(`${JSON.stringify(call)}\n`)
      })
      waiting.delete(call.call)
    },
    async () => void socket.destroy(),
  )
}
