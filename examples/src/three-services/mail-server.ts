import { setTimeout as sleep } from 'node:timers/promises'

export interface Mail {
  /** A mail server sends what has the same id once. */
  readonly id: string
  readonly to: string
  readonly subject: string
}

/** What the mailer needs of a mail server. */
export interface MailServer {
  send(mail: Mail, signal: AbortSignal): Promise<void>
}

/** A mail server that sends nothing, and can't reach some domains until it is repaired. */
export class PretendedMailServer implements MailServer {
  readonly #takesMs: number
  readonly #unreachable = new Set(['unreachable.example'])

  constructor(takesMs: number) {
    this.#takesMs = takesMs
  }

  async send({ to }: Mail, signal: AbortSignal): Promise<void> {
    await sleep(this.#takesMs, undefined, { signal })
    const domain = to.slice(to.lastIndexOf('@') + 1)
    if (this.#unreachable.has(domain)) throw new Error('451 no route to the domain of the recipient')
  }

  repair(): void {
    this.#unreachable.clear()
  }
}
