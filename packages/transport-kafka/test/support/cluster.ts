import {
  KafkaUnavailable,
  type RunningKafkaCluster,
  type StartKafkaClusterOptions,
  startKafkaCluster,
} from '@busbar/testkit'

/** In CI one short case stands for all of a kind; `pnpm cluster-faults` runs them all. */
export const short = Boolean(process.env['CI'])

/** Undefined where none can be had, which only a laptop may skip, and says so. */
export async function clusterForTests(
  options: StartKafkaClusterOptions = {},
): Promise<RunningKafkaCluster | undefined> {
  try {
    return await startKafkaCluster(options)
  } catch (error) {
    if (!(error instanceof KafkaUnavailable) || process.env['CI']) throw error
    process.stderr.write(`SKIPPED: ${error.message}\n`)
    return undefined
  }
}
