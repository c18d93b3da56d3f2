/** A callback that waits for its time. */
export interface QueuedTimer {
  readonly dueMs: number
  /** Decides among timers that are due at the same time. */
  readonly order: number
  readonly callback: () => void
  cancelled: boolean
}

/** Timers by their time: a binary heap. Cancelled ones stay until their time comes, and are passed over then. */
export class TimerQueue {
  readonly #heap: QueuedTimer[] = []

  add(timer: QueuedTimer): void {
    const heap = this.#heap
    let index = heap.push(timer) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#isBefore(index, parent)) break
      this.#swap(index, parent)
      index = parent
    }
  }

  /** When the next timer is due. */
  get nextDueMs(): number | undefined {
    while (this.#heap[0]?.cancelled) this.#removeFirst()
    return this.#heap[0]?.dueMs
  }

  /** Takes the next timer out if it is due. */
  takeDue(nowMs: number): QueuedTimer | undefined {
    const dueMs = this.nextDueMs
    return dueMs !== undefined && dueMs <= nowMs ? this.#removeFirst() : undefined
  }

  #removeFirst(): QueuedTimer | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return first
    heap[0] = last
    let index = 0
    for (;;) {
      const [left, right] = [index * 2 + 1, index * 2 + 2]
      let smallest = index
      if (left < heap.length && this.#isBefore(left, smallest)) smallest = left
      if (right < heap.length && this.#isBefore(right, smallest)) smallest = right
      if (smallest === index) return first
      this.#swap(index, smallest)
      index = smallest
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one] as QueuedTimer, this.#heap[other] as QueuedTimer]
    return a.dueMs === b.dueMs ? a.order < b.order : a.dueMs < b.dueMs
  }

  #swap(one: number, other: number): void {
    const kept = this.#heap[one] as QueuedTimer
    this.#heap[one] = this.#heap[other] as QueuedTimer
    this.#heap[other] = kept
  }
}
