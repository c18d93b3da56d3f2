export interface CountedSignal {
  readonly signal: AbortSignal
  readonly abort: (reason?: unknown) => void
  /** How many listeners are on it now. */
  readonly count: () => number
}

/** A signal that counts its listeners. */
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
  return { signal, abort: reason => controller.abort(reason), count: () => count }
}
