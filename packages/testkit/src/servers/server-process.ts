import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { whenThisProcessDies } from '../kafka/watchdog.js'
import type { ServerProcess } from './running-server.js'

/** How to run a command as a server. */
export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  /** A shell command that ends it at once; `$1` is its process id unless `endArg` is given. */
  readonly end: string
  readonly endArg?: string
}

/**
 * Runs a server in the background, its output in `<folder>/server.log`. It ends with this process at the latest, also
 * when that is killed with SIGKILL.
 *
 * @throws Error when the command can't be started.
 */
export async function serverProcess(folder: string, server: ServerCommand): Promise<ServerProcess> {
  const log = await open(join(folder, 'server.log'), 'a')
  // A group of its own: Ctrl-C reaches the owner only, which stops the server in its own time.
  const child = spawn(server.command, server.args, {
    cwd: folder,
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  })
  const failed = await new Promise<Error | undefined>(resolve => {
    child.once('spawn', () => resolve(undefined))
    child.once('error', resolve)
  })
  await log.close()
  if (failed !== undefined || child.pid === undefined)
    throw failed ?? new Error(`${server.command} did not start`)
  child.unref()
  const endArg = server.endArg ?? String(child.pid)
  const callOff = whenThisProcessDies(server.end, [endArg])
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => {
      callOff()
      resolve()
    })
  })
  return {
    pid: child.pid,
    exited,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      // Whoever waits for the end now needs this process to stay.
      child.ref()
      spawn('sh', ['-c', server.end, 'end', endArg], { stdio: 'ignore' })
      await exited
    },
  }
}
