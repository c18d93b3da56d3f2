import type { Socket } from 'node:net'
import type { ISocketFactory } from 'kafkajs'

/**
 * Knows the sockets of one kafkajs client, so that they can be cut: kafkajs itself only closes a connection once
 * everything it has asked is answered, which a broker that is gone never does.
 */
export class SocketRegistry {
  readonly #sockets = new Set<Socket>()
  #closed: Error | undefined

  /** The same factory, whose sockets are known here. */
  watch(factory: ISocketFactory): ISocketFactory {
    return args => {
      if (this.#closed) throw this.#closed
      const socket = factory(args)
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      return socket
    }
  }

  /** Breaks all connections: what waits for an answer fails with the reason. New ones may be opened. */
  cut(reason: Error): void {
    // Only an error makes kafkajs give up what it waits for; it doesn't listen to `close`.
    for (const socket of this.#sockets) socket.destroy(reason)
    this.#sockets.clear()
  }

  /** Breaks all connections and refuses new ones. */
  close(reason: Error): void {
    this.#closed ??= reason
    this.cut(reason)
  }
}
