import { namedPairs, unionPairs } from './named-and-union-pairs.js'
import type { SchemaPair } from './pair.js'
import { primitivePairs } from './primitive-pairs.js'
import { recordPairs } from './record-pairs.js'

/** Hand-chosen pairs of schema versions, with the verdicts of the specification. */
export const schemaPairs: readonly SchemaPair[] = [
  ...primitivePairs,
  ...recordPairs,
  ...namedPairs,
  ...unionPairs,
]
