import { BusbarError, reasonOf, type StateStoreId } from '@busbar/core'

/** What LevelDB or the disk threw, as an error of the contract. */
export function stateFailure(
  doing: string,
  { group, store, partition }: StateStoreId,
  thrown: unknown,
): BusbarError {
  if (thrown instanceof BusbarError) return thrown
  const what = `${doing} the state ${store}/${partition} of group ${group}`
  const codes = causes(thrown).map(each => (each as { readonly code?: unknown }).code)
  const reason = reasonOf(causes(thrown).at(-1))
  const options = { cause: thrown }
  if (codes.includes('LEVEL_LOCKED'))
    return new BusbarError('STATE_LOCKED', `${what}: it is open already, here or in another process`, options)
  // The folder is there: a file that is missing from it is one that others of its files name.
  if (codes.includes('LEVEL_CORRUPTION') || (doing === 'opening' && /no such file/i.test(reason)))
    return new BusbarError('STATE_CORRUPT', `${what}: its files are damaged: ${reason}`, options)
  if (codes.includes('LEVEL_DATABASE_NOT_OPEN') || codes.includes('LEVEL_ITERATOR_NOT_OPEN'))
    return new BusbarError('STATE_UNAVAILABLE', `${what}: it was closed`, options)
  return new BusbarError('STATE_FAILED', `${what}: ${reason}`, options)
}

function causes(thrown: unknown): readonly object[] {
  const chain: object[] = []
  for (let each = thrown; typeof each === 'object' && each !== null; each = (each as Error).cause)
    chain.push(each)
  return chain
}
