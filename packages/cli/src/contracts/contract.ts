import { type AnyEvent, type AnyRequest, schemasOf } from '@busbar/core'

/** What a bus publishes and handles. */
export type Contract = AnyEvent | AnyRequest

/** Plain JSON. */
export type Json = Readonly<Record<string, unknown>>

/** Each contract once, by name and then topic; versions of one contract stay in the order in which they are given. */
export function inOrder(contracts: readonly Contract[]): readonly Contract[] {
  const distinct = new Map<string, Contract>()
  for (const contract of contracts) {
    const content = contentOf(contract)
    if (!distinct.has(content)) distinct.set(content, contract)
  }
  return [...distinct.values()].sort(
    (one, other) => compare(one.name, other.name) || compare(one.topic.name, other.topic.name),
  )
}

/** The same in whatever order they are given. */
export function inOneOrder(contracts: readonly Contract[]): readonly Contract[] {
  const contents = new Map(contracts.map(contract => [contract, contentOf(contract)]))
  const content = (contract: Contract) => contents.get(contract) as string
  return inOrder([...contents.keys()].sort((one, other) => compare(content(one), content(other))))
}

/** Equal for contracts that nothing here tells apart: of a module that is there twice, for example. */
function contentOf(contract: Contract): string {
  const { kind, name, topic, key } = contract
  const schemas = schemasOf(contract).map(({ role, errorName, schema, isRegistered, contentType }) => [
    role,
    errorName,
    schema,
    isRegistered,
    contentType,
  ])
  return JSON.stringify([kind, name, topic, key !== undefined, schemas])
}

/** By code units: the same on every machine, whatever its language. */
export function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** `Map.groupBy`, which Node 20 does not have. */
export function grouped<T>(
  values: readonly T[],
  by: (value: T) => string,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const value of values) {
    const group = groups.get(by(value))
    if (group) group.push(value)
    else groups.set(by(value), [value])
  }
  return groups
}
