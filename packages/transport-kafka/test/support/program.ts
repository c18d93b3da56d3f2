import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deadline, uniqueName } from '@busbar/testkit'

/** A program of `test/programs` that runs as a process of its own and writes down what it does, line by line. */
export interface Program extends AsyncDisposable {
  readonly pid: number
  /** What it has written to its journal so far, whole lines only. Survives `kill -9`. */
  journal(): string[]
  /** Both streams, as they came. */
  readonly output: string
  /** Waits for a message with this name; each is taken once. */
  message<T>(name: string, timeoutMs?: number): Promise<T>
  tell(name: string): void
  /** Tells it to close and waits for its end; rejects unless that was clean and silent. */
  close(): Promise<void>
  /** `kill -9`, and waits until it is gone. */
  kill(): Promise<void>
}

interface Message {
  readonly name: string
  readonly value: unknown
}

/** Starts a program; its options are what {@link programOptions} gives it. */
export function startProgram(name: string, options: object): Program {
  const path = join(tmpdir(), uniqueName(`busbar-${name}`))
  const child = fork(
    join(import.meta.dirname, '..', 'programs', `${name}.js`),
    [path, JSON.stringify(options)],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
    },
  )
  closeSync(openSync(path, 'a'))
  const exited = once(child, 'exit')
  const inbox: Message[] = []
  let output = ''
  child.on('message', message => inbox.push(message as Message))
  child.stdout?.on('data', chunk => (output += String(chunk)))
  child.stderr?.on('data', chunk => (output += String(chunk)))
  const gone = () => child.exitCode !== null || child.signalCode !== null
  const end = async (what: string) => {
    await deadline(20_000, `${what} of ${name}`, exited)
  }
  return {
    pid: child.pid ?? 0,
    get output() {
      return output
    },
    journal: () => readFileSync(path, 'utf8').split('\n').slice(0, -1),
    message: <T>(wanted: string, timeoutMs = 20_000) =>
      deadline(timeoutMs, `message ${wanted} of ${name}: ${output}`, signal =>
        take<T>(child, inbox, wanted, signal),
      ),
    tell: wanted => void (child.connected && child.send(wanted, () => {})),
    close: async () => {
      // It may be about to end by itself.
      if (child.connected) child.send('close', () => {})
      await end('closing')
      if (child.exitCode !== 0 || output !== '')
        throw new Error(`${name} ended with ${child.exitCode}: ${output}`)
    },
    kill: async () => {
      child.kill('SIGKILL')
      await end('killing')
    },
    [Symbol.asyncDispose]: async () => {
      if (!gone()) child.kill('SIGKILL')
      await end('the end')
      rmSync(path, { force: true })
    },
  }
}

async function take<T>(child: ChildProcess, inbox: Message[], name: string, signal: AbortSignal): Promise<T> {
  for (;;) {
    const index = inbox.findIndex(each => each.name === name)
    if (index >= 0) return inbox.splice(index, 1)[0]?.value as T
    await Promise.race([once(child, 'message', { signal }), failAtExit(child, signal)])
  }
}

async function failAtExit(child: ChildProcess, signal: AbortSignal): Promise<never> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit', { signal })
  throw new Error(`the program ended with ${child.exitCode ?? child.signalCode}`)
}

/** In a program: its options. */
export function programOptions<T>(): T {
  return JSON.parse(process.argv[3] ?? '{}') as T
}

let journal: number | undefined

/** In a program: writes a line that survives whatever comes next. */
export function write(...words: readonly (string | number)[]): void {
  journal ??= openSync(process.argv[2] ?? '', 'a')
  writeSync(journal, `${words.join(' ')}\n`)
}

/** In a program: tells its parent something. */
export function tellParent(name: string, value: unknown = null): void {
  process.send?.({ name, value })
}

/** In a program: resolves when its parent says so, or is gone. */
export async function told(name: string): Promise<void> {
  await new Promise<void>(resolve => {
    process.on('message', message => {
      if (message === name) resolve()
    })
    process.once('disconnect', () => resolve())
  })
}

/** In a program: ends it once nothing is left to do; what is left open keeps it, and its parent complains. */
export function finish(): void {
  if (process.connected) process.disconnect()
}
