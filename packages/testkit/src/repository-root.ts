import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The workspace's top folder, found upwards from this file, so that it doesn't matter where a command was started.
 *
 * @throws Error outside of the workspace.
 */
export function repositoryRoot(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'pnpm-workspace.yaml'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('the testkit only works inside its workspace')
    folder = parent
  }
  return folder
}
