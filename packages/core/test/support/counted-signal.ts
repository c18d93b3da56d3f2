export interface CountedSignal {
  readonly signal: AbortSignal
  readonly abort: (reason?: unknown) => void
  readonly count: () => number
}

/** A signal that counts the listeners that are on it now. */
export function countedSignal(): CountedSignal {
  const controller = new AbortController()
  const { signal } = controller
  let count = 0
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...given: Parameters<AbortSignal['addEventListener']>) => {
    count++
    add(...given)
  }
  signal.removeEventListener = (...given: Parameters<AbortSignal['removeEventListener']>) => {
    count--
    remove(...given)
  }
  return { signal, abort: (reason?: unknown) => controller.abort(reason), count: () => count }
}

export interface CountedSignal {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
  /** How many listeners are on it now. */
  count(): number
}
