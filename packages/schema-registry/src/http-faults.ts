import { reasonOf } from '@busbar/core'

const lostCodes: readonly string[] = ['ECONNRESET', 'EPIPE', 'ECONNABORTED']
const tlsCodes =
  /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/

/** Why there is no answer. */
export class ConnectionFault extends Error {
  /** Whether a fresh connection may do better. */
  readonly passing: boolean
  /** What to do about it: a phrase. */
  readonly advice: string

  constructor(message: string, advice: string, options: { passing?: boolean; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.advice = advice
    this.passing = options.passing ?? false
  }

  static of(error: Error): ConnectionFault {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    // A refused connection to a name with several addresses is an AggregateError without a message.
    const reason = error.message === '' ? code || reasonOf(error) : error.message
    if (lostCodes.includes(code)) {
      return new ConnectionFault(`the connection was lost: ${reason}`, 'it may be restarting', {
        passing: true,
        cause: error,
      })
    }
    if (tlsCodes.test(code)) {
      const advice =
        'check that the URL is right for TLS, the host name, and option "tls" ("ca" for an authority of your own)'
      return new ConnectionFault(`no trusted TLS connection: ${reason}`, advice, { cause: error })
    }
    return new ConnectionFault(reason, 'check that it runs, and that its URL is right', { cause: error })
  }

  static timedOut(timeoutMs: number): ConnectionFault {
    return new ConnectionFault(
      `no answer within ${timeoutMs} ms`,
      'check that it runs and is not overloaded, or raise timeoutMs',
    )
  }

  static tooLarge(bytes: number): ConnectionFault {
    return new ConnectionFault(
      `its answer has more than ${bytes} bytes`,
      'check the URL, or raise maxResponseBytes',
    )
  }
}
