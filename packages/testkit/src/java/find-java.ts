import { join } from 'node:path'
import { runCommand } from '../run-command.js'

/** The oldest Java that the servers and libraries of the tests run on. */
export const MINIMUM_JAVA = 17

/** A Java that can be started. */
export interface JavaCommand {
  readonly path: string
  readonly version: string
}

/** The Java of `JAVA_HOME`, or the one on the path; undefined when neither is new enough. */
export async function findJava(): Promise<JavaCommand | undefined> {
  const home = process.env['JAVA_HOME']
  for (const path of [...(home === undefined ? [] : [join(home, 'bin/java')]), 'java']) {
    const { code, output } = await runCommand(path, ['-version'])
    const version = /version "([^"]+)"/.exec(output)?.[1]
    if (code === 0 && version !== undefined && Number.parseInt(version, 10) >= MINIMUM_JAVA)
      return { path, version }
  }
  return undefined
}
