import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { withFileLock } from '../file-lock.js'
import { runCommand } from '../run-command.js'

/** What Maven is to fetch. */
export interface MavenJars {
  /** How messages name it, with its version and size. */
  readonly what: string
  /** The path of a pom that has it as runtime dependencies. */
  readonly pom: string
  /** Where the jars are kept between runs. */
  readonly folder: string
}

const ATTEMPTS = 3

/** Why `mavenJars` can't succeed on this machine; undefined when it may. */
export async function mavenObstacle(jars: MavenJars): Promise<string | undefined> {
  if (existsSync(jars.folder)) return undefined
  const { code } = await runCommand('mvn', ['-v'])
  return code === 0 ? undefined : `no Maven to fetch ${jars.what} with`
}

/**
 * The folder with the jars; downloads them with Maven when they are not there yet. Safe to call from several processes
 * at once.
 *
 * @throws Error with Maven's output when the download fails three times.
 */
export async function mavenJars(jars: MavenJars): Promise<string> {
  const { folder, what } = jars
  if (existsSync(folder)) return folder
  await withFileLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return
    process.stderr.write(`Downloading ${what} for the tests, once …\n`)
    const partial = `${folder}.${process.pid}`
    await download(jars, partial)
    // Complete or not there at all: an interrupted download is never taken for the jars.
    await rename(partial, folder)
  })
  return folder
}

async function download(jars: MavenJars, folder: string): Promise<void> {
  let output = ''
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
    const result = await runCommand('mvn', ['-B', '-q', '-f', jars.pom, ...goal], { timeoutMs: 180_000 })
    if (result.code === 0) return
    output = result.output
  }
  await rm(folder, { recursive: true, force: true })
  throw new Error(`mvn could not fetch ${jars.what}: ${output.trim().slice(-1000)}`)
}
