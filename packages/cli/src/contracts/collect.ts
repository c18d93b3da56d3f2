import type { Contract } from './contract.js'

/** More than any module exports that people wrote; what is beyond it is something else. */
const mostValues = 100_000

/**
 * The contracts among the exports of a module, also within objects, arrays and maps that it exports. What is no plain
 * container (an instance of some class, a function) is not looked into.
 */
export function collect(exported: unknown): readonly Contract[] {
  const contracts: Contract[] = []
  // A set is gone through in the order of its additions, also of those that come meanwhile.
  const values = new Set<unknown>([exported])
  for (const value of values) {
    if (typeof value !== 'object' || value === null) continue
    if (isContract(value)) {
      contracts.push(value)
      continue
    }
    for (const inside of insideOf(value)) {
      if (values.size < mostValues) values.add(inside)
    }
  }
  return contracts
}

/** By its shape: the module may have a copy of @busbar/core that is not ours. */
function isContract(value: object): value is Contract {
  const { kind, name, topic, codec, replyCodec, errors } = value as Partial<Record<string, unknown>>
  if (kind !== 'event' && kind !== 'request') return false
  const isNamed = typeof name === 'string' && typeof (Object(topic) as { name?: unknown }).name === 'string'
  if (!isNamed || !isCodec(codec)) return false
  return kind === 'event' || (isCodec(replyCodec) && errors instanceof Map)
}

function isCodec(value: unknown): boolean {
  const { encode, decode } = Object(value) as { encode?: unknown; decode?: unknown }
  return typeof encode === 'function' && typeof decode === 'function'
}

function insideOf(value: object): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (value instanceof Map || value instanceof Set) return [...value.values()]
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return []
  const properties = Object.getOwnPropertyDescriptors(value)
  // A getter may do anything: only those of a module, which are its exports, are read; `__esModule` marks one that
  // was compiled to CommonJS.
  const isModule =
    (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'Module' ||
    (properties as Record<string, PropertyDescriptor | undefined>)['__esModule']?.value === true
  return Object.entries(properties)
    .filter(([, property]) => property.enumerable)
    .map(([name, property]): unknown =>
      isModule ? (value as Record<string, unknown>)[name] : property.value,
    )
}
