import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { deadline } from '@busbar/testkit'
import type { MonitoredServiceOptions } from '../programs/monitored-service.js'

/** A service that runs as a process of its own. */
export interface MonitoredService extends AsyncDisposable {
  readonly target: string
  tell(what: 'hang' | 'go on'): void
  /** `kill -9`. */
  kill(): Promise<void>
}

/** Starts a service; resolves when its bus has started. */
export async function monitoredService(options: MonitoredServiceOptions): Promise<MonitoredService> {
  const program = join(import.meta.dirname, '../programs/monitored-service.js')
  const child = fork(program, [JSON.stringify(options)], { execArgv: [] })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  await deadline(30_000, `the start of ${options.role}`, started(child, exited)).catch(async error => {
    await kill()
    throw error
  })
  return {
    target: `127.0.0.1:${options.port}`,
    tell: what => void child.send(what),
    kill,
    [Symbol.asyncDispose]: kill,
  }
}

async function started(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  const ended = exited.then(() => {
    throw new Error(`it ended with ${child.exitCode}`)
  })
  await Promise.race([once(child, 'message'), ended])
}
