import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameSplitter } from './frame-splitter.js'
import type { ProxyFaults } from './proxy-faults.js'

/** One client's connection through the proxy. */
export class ProxyConnection {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #faults: ProxyFaults
  readonly #onRequest: (apiKey: number) => void
  /** API keys of requests that have no response yet, by correlation id. */
  readonly #pending = new Map<number, number>()
  readonly #requests = new FrameSplitter()
  readonly #responses = new FrameSplitter()
  // One queue each way keeps the order while frames are delayed or held.
  #toUpstream = Promise.resolve()
  #toClient = Promise.resolve()

  constructor(client: Socket, targetPort: number, faults: ProxyFaults, onRequest: (apiKey: number) => void) {
    this.#client = client
    this.#upstream = connect(targetPort, '127.0.0.1')
    this.#faults = faults
    this.#onRequest = onRequest
    client.setNoDelay(true)
    this.#upstream.setNoDelay(true)
    client.on('data', chunk => this.#guarded(() => this.#request(chunk)))
    this.#upstream.on('data', chunk => this.#guarded(() => this.#response(chunk)))
    for (const socket of [client, this.#upstream]) socket.on('error', () => {})
    client.on('close', () => this.destroy())
    this.#upstream.on('close', () => {
      this.#toClient = this.#toClient.then(() => this.destroy())
    })
  }

  /** Ends both sides at once. */
  destroy(): void {
    this.#client.destroy()
    this.#upstream.destroy()
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch {
      this.destroy()
    }
  }

  #request(chunk: Buffer): void {
    for (const frame of this.#requests.push(chunk)) {
      const apiKey = frame.readInt16BE(4)
      this.#pending.set(frame.readInt32BE(8), apiKey)
      this.#onRequest(apiKey)
      this.#toUpstream = this.#carry(this.#toUpstream, () => this.#upstream.write(frame))
    }
  }

  #response(chunk: Buffer): void {
    for (const frame of this.#responses.push(chunk)) {
      const correlationId = frame.readInt32BE(4)
      const fault = this.#faults.next(this.#pending.get(correlationId))
      this.#pending.delete(correlationId)
      this.#toClient = this.#carry(this.#toClient, () => this.#answer(frame, fault))
    }
  }

  #answer(frame: Buffer, fault: 'pass' | 'swallow' | 'cut'): void {
    if (fault === 'swallow') this.destroy()
    else if (fault === 'pass') this.#client.write(frame)
    // Closed only once the half is out, or the client might not see any of it.
    else this.#client.write(frame.subarray(0, Math.ceil(frame.length / 2)), () => this.destroy())
  }

  async #carry(before: Promise<void>, send: () => void): Promise<void> {
    const due = Date.now() + this.#faults.delayMs
    await before
    const wait = due - Date.now()
    if (wait > 0) await sleep(wait)
    await this.#faults.flowing()
    send()
  }
}
