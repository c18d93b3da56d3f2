import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { withFileLock } from '../file-lock.js'
import { repositoryRoot } from '../repository-root.js'
import { runCommand } from '../run-command.js'

const ATTEMPTS = 3

/** What to fetch with Maven, once. */
export interface MavenDownload {
  /** For people, with the version, for example `Apache Kafka 4.1.0`. */
  readonly name: string
  /** How much comes through the line, for people: `38 MiB`. */
  readonly size: string
  /** Where it is kept between runs, below the git-ignored `.cache`. */
  readonly cache: readonly string[]
  /** The goal and its arguments that fill a folder. */
  goal(folder: string): readonly string[]
}

/** The git-ignored folder of a download. */
export const cacheOf = (download: MavenDownload): string =>
  join(repositoryRoot(), '.cache', ...download.cache)

/**
 * The folder with what was fetched; fetches it when it is not there yet. Safe to call from several processes at once.
 *
 * @throws Error when there is no Maven to fetch it with, or with Maven's output when that fails three times.
 */
export async function fetchOnce(download: MavenDownload): Promise<string> {
  const folder = join(cacheOf(download), 'libs')
  if (existsSync(folder)) return folder
  if ((await runCommand('mvn', ['-v'])).code !== 0) throw new Error(`no Maven to fetch ${download.name} with`)
  await withFileLock(join(cacheOf(download), 'download.lock'), async () => {
    if (existsSync(folder)) return
    process.stderr.write(`Downloading ${download.name} for the tests, once (${download.size}) …\n`)
    const partial = `${folder}.${process.pid}`
    await fill(partial, download)
    // Complete or not there at all: an interrupted download is never taken for a whole one.
    await rename(partial, folder)
  })
  return folder
}

async function fill(folder: string, download: MavenDownload): Promise<void> {
  let output = ''
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    // In that folder, where a goal without a project leaves a folder of markers.
    const args = ['-B', '-q', ...download.goal(folder)]
    const result = await runCommand('mvn', args, { timeoutMs: 180_000, cwd: folder })
    if (result.code === 0) return
    output = result.output
  }
  await rm(folder, { recursive: true, force: true })
  throw new Error(`mvn could not fetch ${download.name}: ${output.trim().slice(-1000)}`)
}
