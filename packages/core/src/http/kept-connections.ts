import type { Server } from 'node:http'
import { systemRuntime } from '../runtime.js'

/**
 * Ends connections with their requests once a service is closing: clients that keep theirs would hold up a server that
 * waits for them, for as long as its keep-alive timeout.
 */
export function endKeptConnections(server: Server, isClosing: () => boolean): void {
  server.prependListener('request', (_, response) => {
    if (isClosing()) response.setHeader('connection', 'close')
    // One whose answer began before the close is idle a turn after its end.
    response.once('close', () => {
      if (!server.listening) systemRuntime.defer(() => server.closeIdleConnections?.())
    })
  })
}
