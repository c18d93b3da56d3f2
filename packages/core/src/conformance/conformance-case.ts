import type { Requirement } from './harness.js'
import type { World } from './world.js'

/** One thing that every transport must do. Data: a runner decides when and whether it runs. */
export interface ConformanceCase {
  /** Unique among all cases; what a harness's `skip` refers to. */
  readonly name: string
  /** Without any of these the case is skipped, and the missing one is the reason. */
  readonly requires: readonly Requirement[]
  /** Resolves when the transport passes; rejects with an assertion error otherwise. */
  run(world: World): Promise<void>
}
