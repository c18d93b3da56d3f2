import { existsSync } from 'node:fs'
import { chown, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../run-command.js'
import { firstAnswer } from './first-answer.js'
import type { RunningServer } from './running-server.js'
import { type ServerRecipe, startServer } from './start-server.js'

const IMAGE = 'postgres:17-alpine'
const DEBIAN_FOLDER = '/usr/lib/postgresql'

/** A crash of the server's machine is nothing that the tests are about. */
const SETTINGS = [
  'fsync=off',
  'full_page_writes=off',
  'max_connections=200',
  'max_prepared_transactions=10',
].flatMap(each => ['-c', each])

const recipe: ServerRecipe = {
  name: 'Postgres',
  variable: 'POSTGRES_URL',
  docker: {
    image: IMAGE,
    port: 5432,
    args: ['--env', 'POSTGRES_HOST_AUTH_METHOD=trust', IMAGE, 'postgres', ...SETTINGS],
  },
  install: 'postgresql',
  url: port => `postgres://postgres@127.0.0.1:${port}/postgres`,
  async local(folder, port) {
    const binaries = await findBinaries()
    if (binaries === undefined) return 'no initdb and postgres'
    const user = await unprivilegedUser()
    if (typeof user === 'string') return user
    if (user.uid !== undefined) await chown(folder, user.uid, -1)
    const data = join(folder, 'data')
    const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync']
    const initdb = user.run(join(binaries, 'initdb'), init)
    const initialised = await runCommand(initdb.command, initdb.args, { cwd: folder })
    if (initialised.code !== 0) throw new Error(`initdb failed: ${initialised.output.trim()}`)
    const listen = ['-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=']
    const server = user.run(join(binaries, 'postgres'), ['-D', data, ...listen, ...SETTINGS])
    // An immediate shutdown: the postmaster takes its children and its shared memory along.
    return { ...server, end: 'kill -QUIT "$1"' }
  },
  async answers(port) {
    const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0')
    const head = Buffer.alloc(8)
    head.writeInt32BE(8 + parameters.length)
    head.writeInt32BE(3 << 16, 4)
    const answer = await firstAnswer(port, Buffer.concat([head, parameters]))
    // An error means that it is still starting.
    return String.fromCharCode(answer[0] ?? 0) === 'R'
  },
}

/**
 * Starts a real Postgres for tests, without care for crashes of the machine: what the environment variable
 * `POSTGRES_URL` names, else docker, else `initdb` and `postgres` (from the path or `/usr/lib/postgresql`). It ends with
 * this process at the latest.
 *
 * @throws ServerUnavailable when this machine has none of these, Error when it doesn't start.
 */
export function startPostgres(): Promise<RunningServer> {
  return startServer(recipe)
}

async function findBinaries(): Promise<string | undefined> {
  const versions = await readdir(DEBIAN_FOLDER).catch(() => [])
  const debian = versions
    .sort((a, b) => Number(b) - Number(a))
    .map(version => join(DEBIAN_FOLDER, version, 'bin'))
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...debian]
  return folders.find(folder => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')))
}

interface ServerUser {
  /** Undefined: the user of this process. */
  readonly uid?: number
  run(
    command: string,
    args: readonly string[],
  ): { readonly command: string; readonly args: readonly string[] }
}

/** Who can run Postgres, which refuses root; or why nobody can. */
async function unprivilegedUser(): Promise<ServerUser | string> {
  if (process.getuid?.() !== 0) return { run: (command, args) => ({ command, args }) }
  for (const name of ['postgres', 'nobody']) {
    const id = await runCommand('id', ['-u', name])
    if (id.code !== 0) continue
    const group = (await runCommand('id', ['-g', name])).output.trim()
    const become = [`--reuid=${name}`, `--regid=${group}`, '--clear-groups']
    return {
      uid: Number(id.output.trim()),
      run: (command, args) => ({ command: 'setpriv', args: [...become, command, ...args] }),
    }
  }
  return 'Postgres refuses to run as root, and there is no user postgres or nobody'
}
