import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import type { Claim, Completion, IdempotencyStore } from '@busbar/core'

interface Entry {
  readonly token: string
  readonly endsAtMs: number
  readonly isCompleted: boolean
}

/** An idempotency store of one process at a time, in a file that outlives it. */
export class MatrixStore implements IdempotencyStore {
  readonly #path: string
  readonly #entries = new Map<string, Entry>()
  #tokens = 0

  constructor(path: string) {
    this.#path = path
    if (!existsSync(path)) return
    for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
      const [key, entry] = JSON.parse(line) as [string, Entry | null]
      if (entry) this.#entries.set(key, entry)
      else this.#entries.delete(key)
    }
  }

  get completed(): number {
    return [...this.#entries.values()].filter(entry => entry.isCompleted).length
  }

  async claim(key: string, leaseMs: number): Promise<Claim> {
    const entry = this.#entries.get(key)
    const leftMs = (entry?.endsAtMs ?? 0) - Date.now()
    if (entry && leftMs > 0)
      return entry.isCompleted ? { kind: 'completed', result: undefined } : { kind: 'busy', leaseMs: leftMs }
    const token = `${process.pid}-${++this.#tokens}`
    this.#set(key, { token, endsAtMs: Date.now() + leaseMs, isCompleted: false })
    return { kind: 'claimed', token }
  }

  async renew(key: string, token: string, leaseMs: number): Promise<boolean> {
    return this.#change(key, token, { token, endsAtMs: Date.now() + leaseMs, isCompleted: false })
  }

  async complete(key: string, token: string, { ttlMs }: Completion): Promise<boolean> {
    return this.#change(key, token, { token, endsAtMs: Date.now() + ttlMs, isCompleted: true })
  }

  async release(key: string, token: string): Promise<void> {
    this.#change(key, token, null)
  }

  #change(key: string, token: string, entry: Entry | null): boolean {
    const held = this.#entries.get(key)
    if (held?.token !== token || held.isCompleted || held.endsAtMs <= Date.now()) return false
    this.#set(key, entry)
    return true
  }

  #set(key: string, entry: Entry | null): void {
    if (entry) this.#entries.set(key, entry)
    else this.#entries.delete(key)
    appendFileSync(this.#path, `${JSON.stringify([key, entry])}\n`)
  }
}
