import { join } from 'node:path'
import { runCommand } from '../run-command.js'

/** What the servers for tests need. */
const MINIMUM_JAVA = 17

export const NO_JAVA = `no Java ${MINIMUM_JAVA}+`

/** This machine's Java, by `JAVA_HOME` or on the path. */
export interface JavaCommand {
  readonly path: string
  readonly version: string
}

/** The first Java that is new enough; undefined without one. */
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
