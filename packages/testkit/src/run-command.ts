import { spawn } from 'node:child_process'

/** What a command that has ended left behind. `code` is null when it was killed or could not be started. */
export interface CommandResult {
  readonly code: number | null
  /** Standard output and standard error, as they came. */
  readonly output: string
}

/**
 * Runs a command without a shell and without standard input. Never rejects: a command that is missing, fails or takes
 * longer than `timeoutMs` (default: one minute; it is killed) is a result with a `code` other than 0.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { timeoutMs?: number; cwd?: string } = {},
): Promise<CommandResult> {
  return new Promise(resolve => {
    let output = ''
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    child.stdout.on('data', chunk => (output += String(chunk)))
    child.stderr.on('data', chunk => (output += String(chunk)))
    child.once('error', error => resolve({ code: null, output: `${output}${error.message}` }))
    child.once('close', code => resolve({ code, output }))
  })
}
