import { systemRuntime } from '../runtime.js'

const pollMs = 5

/** Resolves as `work` does; rejects when that takes longer than `ms`. */
export async function within<T>(ms: number, what: string, work: PromiseLike<T>): Promise<T> {
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    // Made here, so that its stack names the case that waited.
    const error = new Error(`${what}: not done after ${ms} ms`)
    const timer = systemRuntime.setTimer(ms, () => reject(error))
    cancel = () => timer.cancel()
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}

/** Resolves once the condition holds; rejects, saying how things stand, when that takes longer than `ms`. */
export async function until(
  ms: number,
  what: string,
  condition: () => boolean | Promise<boolean>,
  state?: () => unknown,
): Promise<void> {
  const error = new Error(`${what}: not so after ${ms} ms`)
  const end = systemRuntime.now() + ms
  while (!(await within(Math.max(pollMs, end - systemRuntime.now()), what, Promise.resolve(condition())))) {
    if (systemRuntime.now() > end) {
      if (state) error.message += `; it stands at ${JSON.stringify(state())}`
      throw error
    }
    await pause(pollMs)
  }
}

/** Resolves after `ms`. For handlers that take their time, not for waiting until something has happened. */
export function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    systemRuntime.setTimer(ms, resolve)
  })
}

/** A promise that is opened from outside: handlers wait at it. */
export class Gate {
  readonly opened: Promise<void>
  open: () => void = () => {}

  constructor() {
    this.opened = new Promise(resolve => {
      this.open = resolve
    })
  }
}
