/** A `deadline` that passed. The stack is that of the call to `deadline`. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded'
}

/**
 * Resolves as `work` does, or rejects once it has taken too long. The test runner has no timeouts of its own: what may
 * never settle belongs in here.
 *
 * @param ms how long `work` may take.
 * @param what what is waited for, for the error's message.
 * @param work a promise, or a function whose result is awaited and whose signal aborts at the deadline.
 * @throws DeadlineExceeded, or what `work` rejects with.
 */
export async function deadline<T>(
  ms: number,
  what: string,
  work: PromiseLike<T> | ((signal: AbortSignal) => T | PromiseLike<T>),
): Promise<T> {
  const aborter = new AbortController()
  const exceeded = new DeadlineExceeded(`${what}: not done after ${ms} ms`)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      aborter.abort(exceeded)
      reject(exceeded)
    }, ms)
  })
  try {
    return await Promise.race([typeof work === 'function' ? work(aborter.signal) : work, late])
  } finally {
    clearTimeout(timer)
  }
}
