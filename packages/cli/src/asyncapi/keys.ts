/** Gives each thing a key of its own that AsyncAPI allows for components: letters, digits, `.`, `-` and `_`; never `__proto__`. */
export class Keys {
  readonly #taken = new Set<string>()

  of(name: string): string {
    const fit = name.replace(/[^a-zA-Z0-9._-]/g, '_').replace(/^__proto__$/, 'proto')
    let key = fit
    for (let next = 2; this.#taken.has(key); next++) key = `${fit}-${next}`
    this.#taken.add(key)
    return key
  }
}

export function reference(...path: readonly string[]): { readonly $ref: string } {
  return { $ref: `#/${path.join('/')}` }
}
