import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { deadline } from '@busbar/testkit'

/** A program that serves HTTP, as a process of its own. */
export interface ServerProgram extends AsyncDisposable {
  /** Where it says that it listens. */
  readonly url: string
  /** What it has printed since, whole lines only. */
  readonly lines: readonly string[]
  /** What it has written to its error stream. */
  readonly errors: string
  /** Sends SIGTERM and waits for the end. */
  terminate(): Promise<ProgramEnd>
}

export interface ProgramEnd {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly tookMs: number
}

export interface ServerProgramOptions {
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** Starts a program and waits until it prints `listening on <url>`. */
export async function startServer(
  program: string,
  { args = [], env = process.env }: ServerProgramOptions = {},
): Promise<ServerProgram> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  let output = ''
  let errors = ''
  const dispose = async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await deadline(10_000, `the end of ${program}`, closed)
  }
  const listening = new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const [, url] = /^listening on (http.*)\n/m.exec(output) ?? []
      if (url !== undefined) resolve(url)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    void closed.then(([code]) => reject(new Error(`${program} ended with ${code}: ${output}${errors}`)))
  })
  const url = await deadline(30_000, `the start of ${program}`, listening).catch(async (thrown: unknown) => {
    await dispose()
    throw thrown
  })
  return {
    url,
    get lines() {
      return output.split('\n').slice(0, -1)
    },
    get errors() {
      return errors
    },
    terminate: async () => {
      const start = performance.now()
      child.kill('SIGTERM')
      const [code] = await deadline(30_000, `the end of ${program} after SIGTERM`, closed)
      return { code, tookMs: Math.round(performance.now() - start) }
    },
    [Symbol.asyncDispose]: dispose,
  }
}
