/** One position in the order in which it was added. */
export interface PrefixSlot {
  readonly position: number
  /** Whether this position is finished; set through {@link PrefixTracker.finish}. */
  finished: boolean
}

/**
 * Which position may be committed: positions are added in ascending order (gaps are allowed: compaction and
 * transaction markers leave them), finish in any order, and the committable position is the first unfinished one.
 * Pure: no time, no I/O.
 */
export class PrefixTracker {
  #slots: PrefixSlot[] = []
  #head = 0
  #next: number
  #unfinished = 0
  readonly #onPassed: ((position: number) => void) | undefined

  /**
   * @param start the first position that is not yet finished: the committed position.
   * @param onPassed called in ascending order for each added position that the committable one passes.
   */
  constructor(start: number, onPassed?: (position: number) => void) {
    this.#next = start
    this.#onPassed = onPassed
  }

  /** The position that may be committed: everything below it is finished. */
  get committable(): number {
    return this.#slots[this.#head]?.position ?? this.#next
  }

  /** One past the highest position added. */
  get next(): number {
    return this.#next
  }

  /** How many positions are added and not finished. */
  get unfinished(): number {
    return this.#unfinished
  }

  /** How many positions, finished or not, are kept because one before them is unfinished. */
  get span(): number {
    return this.#slots.length - this.#head
  }

  /** Adds the next position. A position below {@link next} was added before: that is a fault of the caller. */
  add(position: number): PrefixSlot {
    if (position < this.#next) throw new RangeError(`position ${position} comes after ${this.#next - 1}`)
    const slot: PrefixSlot = { position, finished: false }
    this.#slots.push(slot)
    this.#next = position + 1
    this.#unfinished += 1
    return slot
  }

  /** Declares that no position below `position` will be added: the log has none there. Going backwards does nothing. */
  skipTo(position: number): void {
    this.#next = Math.max(this.#next, position)
  }

  /** Marks a position as finished; a second time does nothing. */
  finish(slot: PrefixSlot): void {
    if (slot.finished) return
    slot.finished = true
    this.#unfinished -= 1
    for (let head = this.#slots[this.#head]; head?.finished; head = this.#slots[this.#head]) {
      this.#head += 1
      this.#onPassed?.(head.position)
    }
    if (this.#head === this.#slots.length) {
      this.#slots = []
      this.#head = 0
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head)
      this.#head = 0
    }
  }
}
