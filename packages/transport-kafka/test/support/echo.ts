import { type Bus, BusbarError, defineRequest } from '@busbar/core'

export interface EchoQuestion {
  readonly from: string
  readonly number: number
}

export interface EchoAnswer extends EchoQuestion {
  readonly by: string
}

export type EchoRequest = ReturnType<typeof echoRequest>

/** A request whose answer says which question it belongs to. */
export function echoRequest(topic: string, partitions = 6) {
  return defineRequest<EchoQuestion, EchoAnswer>('echo', { topic: { name: topic, partitions } })
}

/** How many requests ended in what. */
export interface AskResult {
  asked: number
  own: number
  /** Replies to another request. */
  wrong: number
  /** Errors by their code. */
  readonly failed: Record<string, number>
  readonly by: Record<string, number>
}

export interface AskOptions {
  readonly from: string
  /** Asks until this aborts. */
  readonly enough: AbortSignal
  readonly atATime: number
  readonly timeoutMs: number
}

export const nothingAsked = (): AskResult => ({ asked: 0, own: 0, wrong: 0, failed: {}, by: {} })

/** Makes requests, some at a time, and counts in `result` how each of them ended. Never rejects. */
export async function askAll(
  bus: Bus,
  Echo: EchoRequest,
  options: AskOptions,
  result: AskResult = nothingAsked(),
): Promise<AskResult> {
  const { from, enough, atATime, timeoutMs } = options
  const ask = async (): Promise<void> => {
    while (!enough.aborted) {
      const number = result.asked++
      try {
        const answer = await bus.request(Echo, { from, number }, { timeoutMs })
        if (answer.from === from && answer.number === number) result.own++
        else result.wrong++
        result.by[answer.by] = (result.by[answer.by] ?? 0) + 1
      } catch (thrown) {
        const code = thrown instanceof BusbarError ? thrown.code : String(thrown)
        result.failed[code] = (result.failed[code] ?? 0) + 1
      }
    }
  }
  await Promise.all(Array.from({ length: atATime }, ask))
  return result
}

/** How many requests ended, in whatever. */
export function ended({ own, wrong, failed }: AskResult): number {
  return own + wrong + Object.values(failed).reduce((sum, count) => sum + count, 0)
}
