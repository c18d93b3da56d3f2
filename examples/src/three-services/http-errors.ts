import { BusbarError } from '@busbar/core'
import type { ErrorRequestHandler } from 'express'
import type { Logger } from 'pino'

/** The last middleware of an app: says in the log what failed, and in the answer only whose fault it is. */
export function httpErrors(logger: Logger): ErrorRequestHandler {
  // Express knows it by its four parameters.
  return (error: unknown, request, response, _next) => {
    const status = statusOf(error)
    if (status >= 500)
      logger.error({ err: error, method: request.method, path: request.path }, 'a request failed')
    response.status(status).json({ error: answers[status] ?? 'bad request' })
  }
}

const answers: Readonly<Record<number, string>> = {
  500: 'something failed here',
  504: 'another service did not answer in time',
}

function statusOf(error: unknown): number {
  if (error instanceof BusbarError && error.code === 'REQUEST_TIMEOUT') return 504
  // What Express's own middleware throws, such as a body that is no JSON.
  const { status } = error as { status?: unknown }
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500
}
