import { ServerUnavailable } from './server-unavailable.js'

/**
 * What a test file needs, or undefined where this machine has no way to it, said aloud: the file then skips its tests.
 *
 * @throws ServerUnavailable instead where `CI` is set: nothing may be skipped silently there.
 */
export async function orSkip<T>(start: () => Promise<T>): Promise<T | undefined> {
  try {
    return await start()
  } catch (error) {
    if (!(error instanceof ServerUnavailable) || process.env['CI']) throw error
    process.stderr.write(`SKIPPED ${process.argv[1]}: ${error.message}\n`)
    return undefined
  }
}
