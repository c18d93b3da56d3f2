import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** Starts a compiled program of `test/programs`; its errors are shown. */
export function startProgram(name: string, ...args: string[]): ChildProcess {
  const program = join(import.meta.dirname, '../programs', `${name}.js`)
  return spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Runs one to its end; resolves with what it printed and how it ended. */
export async function runProgram(
  name: string,
  ...args: string[]
): Promise<{ output: string; signal: string | null; code: number | null }> {
  const child = startProgram(name, ...args)
  let output = ''
  child.stdout?.on('data', chunk => (output += String(chunk)))
  await once(child, 'close')
  return { output, signal: child.signalCode, code: child.exitCode }
}
