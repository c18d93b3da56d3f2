import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withFileLock } from '../file-lock.js'
import { orSkip } from '../or-skip.js'
import { repositoryRoot } from '../repository-root.js'
import { runCommand } from '../run-command.js'
import { ServerUnavailable } from '../server-unavailable.js'

let shared: Promise<string | undefined> | undefined

/**
 * A Python with confluent-kafka, its registry client and fastavro: the path of its interpreter, in an environment of
 * its own that is made once, with pip, in `.cache/python` (14 MiB to fetch). Without Python 3 and its `venv` this is undefined,
 * said aloud: skip the file's tests.
 *
 * @throws ServerUnavailable instead where `CI` is set: nothing may be skipped silently there.
 */
export function pythonForTests(): Promise<string | undefined> {
  shared ??= orSkip(environment)
  return shared
}

async function environment(): Promise<string> {
  const requirements = join(repositoryRoot(), 'packages/testkit/python/requirements.txt')
  const version = await runCommand('python3', ['--version'])
  if (version.code !== 0) throw unavailable('no python3')
  const key = createHash('sha256')
    .update(version.output)
    .update(await readFile(requirements))
  const folder = join(repositoryRoot(), '.cache/python', key.digest('hex').slice(0, 16))
  const python = join(folder, 'bin/python')
  // Written last: an environment that was interrupted is made anew.
  const complete = join(folder, 'complete')
  if (existsSync(complete)) return python
  await withFileLock(`${folder}.lock`, async () => {
    if (existsSync(complete)) return
    process.stderr.write('Fetching the Python client of Kafka for the tests, once …\n')
    await rm(folder, { recursive: true, force: true })
    const made = await runCommand('python3', ['-m', 'venv', folder])
    if (made.code !== 0) throw unavailable(`python3 -m venv failed: ${lastLines(made.output)}`)
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:']
    const installed = await runCommand(python, [...pip, '-r', requirements], { timeoutMs: 180_000 })
    if (installed.code !== 0) throw unavailable(`pip failed: ${lastLines(installed.output)}`)
    await writeFile(complete, '')
  })
  return python
}

function lastLines(output: string): string {
  return output.trim().slice(-500)
}

function unavailable(why: string): ServerUnavailable {
  return new ServerUnavailable('Python client', [why], 'Install python3 and python3-venv.')
}
