/** Numbers that follow from a seed alone (sfc32), so that a run can be repeated. */
export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 2 ** 32) >>> 0
    this.#c = 0x9e3779b9
    // Seeds that differ by one start alike: the first rounds spread the difference.
    for (let round = 0; round < 12; round += 1) this.word()
  }

  /** 32 random bits. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0
    this.#counter = (this.#counter + 1) >>> 0
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0
    this.#b = (this.#c + (this.#c << 3)) >>> 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0
    return sum
  }

  /** A number in [0, 1). */
  next(): number {
    return this.word() / 2 ** 32
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  /** True with this probability; draws nothing at 0, so that what is switched off changes no run. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability
  }

  /** One of these. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}
