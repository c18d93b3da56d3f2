/** Waits until something is as it should be, and resolves with it. */
export async function eventually<T>(look: () => T | Promise<T>, is: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await look()
    if (is(found)) return found
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
