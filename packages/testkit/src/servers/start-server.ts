import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../free-ports.js'
import { whenThisProcessDies } from '../kafka/watchdog.js'
import { runCommand } from '../run-command.js'
import { ServerUnavailable } from '../server-unavailable.js'
import type { RunningServer } from './running-server.js'
import { type ServerCommand, serverProcess } from './server-process.js'

/** What differs between one kind of server and the next. */
export interface ServerRecipe {
  /** For people, for example `Redis`. */
  readonly name: string
  /** The environment variable that names a server that runs already, or the folder of its binaries. */
  readonly variable: string
  /** Absent: not by docker. */
  readonly docker?: DockerRecipe
  /** What brings a local one, for people: `redis-server`. */
  readonly install: string
  url(port: number): string
  /** Prepares a local server in the folder: how to run it, or why it can't be run here. */
  local(folder: string, port: number): Promise<ServerCommand | string>
  /** Rejects, or is false, while the server can't be used yet. */
  answers(port: number): Promise<boolean>
  /** What to set up in a server that has just started. */
  prepare?(url: string): Promise<void>
}

interface DockerRecipe {
  readonly image: string
  /** Published on a port of this machine; undefined: the container has this machine's network. */
  readonly port?: number
  readonly args: readonly string[] | ((folder: string, port: number) => readonly string[])
  /** Puts into the folder what the container needs. */
  prepare?(folder: string): Promise<void>
}

const ATTEMPTS = 3
const START_MS = 60_000

/**
 * Starts a server for tests: what its environment variable names, else docker, else the binaries of this machine. It
 * ends with this process at the latest.
 *
 * @throws ServerUnavailable when this machine has none of these, Error when it doesn't start.
 */
export async function startServer(recipe: ServerRecipe): Promise<RunningServer> {
  const given = process.env[recipe.variable]
  if (given !== undefined && given !== '') return givenServer(given)
  return startOwnServer(recipe)
}

/** As {@link startServer}, but for what only an own one can serve. */
export async function startOwnServer(recipe: ServerRecipe): Promise<RunningServer> {
  // A free port may be taken between choosing and binding it.
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(recipe)
    } catch (error) {
      const taken = /in use|already allocated/i.test((error as Error).message)
      if (!taken || attempt === ATTEMPTS) throw error
    }
  }
}

async function startOnce(recipe: ServerRecipe): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), `busbar-${recipe.name.toLowerCase()}-`))
  // A moment later, so that a server that is being killed writes nothing into the folder any more.
  const callOff = whenThisProcessDies('sleep 1; rm -rf "$1"', [folder])
  const remove = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true })
    callOff()
  }
  try {
    const port = await freePort()
    const tried: string[] = []
    for (const source of ['docker', 'local'] as const) {
      const command = await (source === 'docker'
        ? inDocker(recipe, folder, port)
        : recipe.local(folder, port))
      if (typeof command === 'string') {
        tried.push(command)
        continue
      }
      const server = await serverProcess(folder, command)
      let exited = false
      void server.exited.then(() => {
        exited = true
      })
      const end = Date.now() + START_MS
      while (!(await recipe.answers(port).catch(() => false))) {
        if (exited || Date.now() > end) {
          await server.end()
          const log = await readFile(join(folder, 'server.log'), 'utf8').catch(() => '')
          throw new Error(`${recipe.name} did not start:\n${log.slice(-3_000)}`)
        }
        await sleep(20)
      }
      const url = recipe.url(port)
      await recipe.prepare?.(url)
      const stop = async (): Promise<void> => {
        await server.end()
        await remove()
      }
      return { source, url, pid: server.pid, folder, stop, [Symbol.asyncDispose]: stop }
    }
    throw new ServerUnavailable(
      `${recipe.name} server`,
      tried,
      `Set ${recipe.variable}, start docker, or install ${recipe.install}.`,
    )
  } catch (error) {
    await remove()
    throw error
  }
}

async function inDocker(
  { docker, name, variable }: ServerRecipe,
  folder: string,
  port: number,
): Promise<ServerCommand | string> {
  if (docker === undefined) return `${variable} is set`
  const missing = await pulledByDocker(docker.image)
  if (missing !== undefined) return missing
  await docker.prepare?.(folder)
  const container = `busbar-${name.toLowerCase()}-${randomUUID()}`
  const network =
    docker.port === undefined ? ['--network', 'host'] : ['--publish', `127.0.0.1:${port}:${docker.port}`]
  const args = typeof docker.args === 'function' ? docker.args(folder, port) : docker.args
  return {
    command: 'docker',
    args: ['run', '--rm', '--name', container, ...network, ...args],
    end: 'docker rm --force "$1"',
    endArg: container,
  }
}

/** Undefined when docker has the image; else why not. */
export async function pulledByDocker(image: string): Promise<string | undefined> {
  // The client answers without an engine; `docker info` asks the engine.
  const engine = await runCommand('docker', ['info', '--format', '{{.ServerVersion}}'], { timeoutMs: 3_000 })
  if (engine.code !== 0 || !/^\d/.test(engine.output)) return 'no docker engine answers'
  const pulled = await runCommand('docker', ['pull', '--quiet', image], { timeoutMs: 180_000 })
  return pulled.code === 0 ? undefined : `docker could not pull ${image}: ${pulled.output.trim()}`
}

function givenServer(url: string): RunningServer {
  const stop = async (): Promise<void> => {}
  return { source: 'env', url, pid: 0, folder: '', stop, [Symbol.asyncDispose]: stop }
}
