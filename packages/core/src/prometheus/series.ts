import type { Counter, Histogram } from 'prom-client'

/** The labels of a series; one object for each, so that none is made anew for every record. */
export type Labels = Readonly<Record<string, string>>

/** The series of one contract or subscription: they share their labels, and go together. */
export class Series {
  readonly labels: Labels
  readonly #used = new Set<Counter | Histogram>()
  readonly #narrower = new Map<Counter, Map<string, Labels>>()
  #isRemoved = false

  constructor(labels: Labels) {
    this.labels = labels
  }

  add(counter: Counter, count = 1): void {
    if (this.#isRemoved) return
    this.#used.add(counter)
    counter.inc(this.labels, count)
  }

  /** Adds to a counter that has one label more, whose values are a closed set. */
  addBy(counter: Counter, label: string, value: string, count = 1): void {
    if (this.#isRemoved) return
    let byValue = this.#narrower.get(counter)
    if (!byValue) {
      byValue = new Map()
      this.#narrower.set(counter, byValue)
    }
    let labels = byValue.get(value)
    if (!labels) {
      labels = { ...this.labels, [label]: value }
      byValue.set(value, labels)
    }
    counter.inc(labels, count)
  }

  /** @param exemplar what gives one; undefined where the register writes none. */
  observe(histogram: Histogram, milliseconds: number, exemplar: (() => Labels) | undefined): void {
    if (this.#isRemoved) return
    this.#used.add(histogram)
    const { labels } = this
    // The clock may have been set back: a sum that falls would look like a counter that began anew.
    const seconds = Math.max(0, milliseconds) / 1_000
    if (exemplar) histogram.observe({ labels, value: seconds, exemplarLabels: exemplar() })
    else histogram.observe(labels, seconds)
  }

  /** Takes all of them out of their metrics, for good: a handler may end after its bus. */
  remove(): void {
    this.#isRemoved = true
    for (const metric of this.#used) metric.remove(this.labels)
    for (const [counter, byValue] of this.#narrower)
      for (const labels of byValue.values()) counter.remove(labels)
  }
}

/**
 * What belongs to a name, up to a limit: whoever makes up names by the thousand gets one more entry for all of them, and
 * memory that does not grow.
 */
export class BoundedNames<Entry> {
  readonly #max: number
  readonly #makeOther: () => Entry
  readonly #entries = new Map<string, Entry>()
  #other: Entry | undefined

  constructor(max: number, makeOther: () => Entry) {
    this.#max = max
    this.#makeOther = makeOther
  }

  get all(): readonly Entry[] {
    return [...this.#entries.values(), ...(this.#other === undefined ? [] : [this.#other])]
  }

  of(name: string, make: () => Entry): Entry {
    const known = this.#entries.get(name)
    if (known !== undefined) return known
    if (this.#entries.size >= this.#max) {
      this.#other ??= this.#makeOther()
      return this.#other
    }
    const entry = make()
    this.#entries.set(name, entry)
    return entry
  }
}
