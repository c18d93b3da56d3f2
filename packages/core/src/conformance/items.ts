import assert from 'node:assert/strict'

/** The payload of the cases' events: items of one key are numbered upwards. */
export interface Item {
  readonly key: string
  readonly n: number
}

/** `count` items, numbered from `first`, dealt out to `keys` keys. */
export function itemsOf(count: number, keys: number, first = 0): Item[] {
  return Array.from({ length: count }, (_, index) => ({
    key: `key-${(first + index) % keys}`,
    n: first + index,
  }))
}

/** What handlers got, in the order in which they got it. */
export class Seen {
  readonly items: Item[] = []
  readonly #counts = new Map<number, number>()

  readonly add = (item: Item): void => {
    this.items.push(item)
    this.#counts.set(item.n, this.timesOf(item) + 1)
  }

  timesOf({ n }: Item): number {
    return this.#counts.get(n) ?? 0
  }

  hasAll(items: readonly Item[]): boolean {
    return items.every(item => this.timesOf(item) > 0)
  }

  /** What is shown when something is missing. */
  missingOf(items: readonly Item[]): { readonly missing: number; readonly first: Item | undefined } {
    const missing = items.filter(item => this.timesOf(item) === 0)
    return { missing: missing.length, first: missing[0] }
  }

  /** Fails unless these, and only these, came, each once. */
  assertOnce(items: readonly Item[], who: string): void {
    const again = this.items.find(item => this.timesOf(item) > 1)
    assert.equal(again, undefined, `${who} got ${JSON.stringify(again)} more than once`)
    assert.deepEqual(this.missingOf(items), { missing: 0, first: undefined }, `${who} missed something`)
    assert.equal(this.items.length, items.length, `${who} got what it should not have got`)
  }

  /** Fails unless the items of each key came in the order of their numbers. */
  assertKeyOrder(who: string): void {
    const last = new Map<string, number>()
    for (const { key, n } of this.items) {
      const before = last.get(key) ?? -1
      assert(n > before, `${who}: ${key} got ${n} after ${before}`)
      last.set(key, n)
    }
  }
}
