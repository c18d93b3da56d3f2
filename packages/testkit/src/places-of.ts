/**
 * Where a text stands in a value, as `err.cause.message`, one for each place: in texts, names and bytes, and in all that a
 * logger could reach, such as the causes of errors and properties that are not enumerable.
 */
export function placesOf(text: string, value: unknown): string[] {
  const seen = new Set<unknown>()
  const places: string[] = []
  const look = (each: unknown, place: string): void => {
    if (typeof each === 'string' && each.includes(text)) places.push(place)
    if (typeof each !== 'object' || each === null || seen.has(each)) return
    seen.add(each)
    if (ArrayBuffer.isView(each)) {
      if (Buffer.from(each.buffer, each.byteOffset, each.byteLength).includes(text)) places.push(place)
      return
    }
    if (each instanceof Map || each instanceof Set) look([...each], place)
    for (const name of Reflect.ownKeys(each)) {
      const inside = place === '' ? String(name) : `${place}.${String(name)}`
      look(String(name), inside)
      const property = Object.getOwnPropertyDescriptor(each, name)
      look(property?.get ? (property.get.call(each) as unknown) : property?.value, inside)
    }
  }
  look(value, '')
  return places
}
