export { allCases as conformanceCases } from './all-cases.js'
export { type CaseRunner, conformance, type PlannedCase, planCases } from './bind.js'
export type { ConformanceCase } from './conformance-case.js'
export type { Ability, ConformanceHarness, Requirement } from './harness.js'
export {
  type IdempotencyStoreCase,
  type IdempotencyStoreHarness,
  idempotencyStoreCases,
} from './idempotency-store.js'
export { type StateStoreCase, type StateStoreHarness, stateStoreCases } from './state-store.js'
export type { Connected, Service, World } from './world.js'
