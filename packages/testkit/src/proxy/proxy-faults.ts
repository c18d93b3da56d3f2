/** What a proxy does to the connections it carries, shared by all of them. */
export class ProxyFaults {
  /** How long each frame is under way, each way. */
  delayMs = 0
  readonly #swallows = new Map<number, number>()
  readonly #cuts = new Map<number, number>()
  #gate: Promise<void> | undefined
  #open: (() => void) | undefined

  swallow(apiKey: number, count: number): void {
    this.#swallows.set(apiKey, (this.#swallows.get(apiKey) ?? 0) + count)
  }

  cut(apiKey: number, count: number): void {
    this.#cuts.set(apiKey, (this.#cuts.get(apiKey) ?? 0) + count)
  }

  /** What becomes of the response at hand; takes a planned fault off the list. */
  next(apiKey: number | undefined): 'pass' | 'swallow' | 'cut' {
    if (apiKey === undefined) return 'pass'
    if (takeOne(this.#swallows, apiKey)) return 'swallow'
    if (takeOne(this.#cuts, apiKey)) return 'cut'
    return 'pass'
  }

  pause(): void {
    this.#gate ??= new Promise(resolve => {
      this.#open = resolve
    })
  }

  resume(): void {
    this.#open?.()
    this.#gate = undefined
    this.#open = undefined
  }

  /** Resolves when bytes may flow: at once unless paused. */
  async flowing(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate
  }
}

function takeOne(plan: Map<number, number>, apiKey: number): boolean {
  const left = plan.get(apiKey) ?? 0
  if (left > 0) plan.set(apiKey, left - 1)
  return left > 0
}
