import { spawn } from 'node:child_process'

/** What a command that has ended left behind. `code` is null when it was killed or could not be started. */
export interface CommandResult {
  readonly code: number | null
  /** Standard output and standard error, as they came. */
  readonly output: string
}

/**
 * Runs a command without a shell, with `input` (default: nothing) as its standard input. Never rejects: a command that is missing, fails or takes
 * longer than `timeoutMs` (default: one minute; it is killed) is a result with a `code` other than 0.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { timeoutMs?: number; cwd?: string; input?: string } = {},
): Promise<CommandResult> {
  return new Promise(resolve => {
    let output = ''
    const child = spawn(command, args, {
      stdio: 'pipe',
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    // Not spawn's own timeout: its timer stays behind when the command can't be started.
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000)
    const done = (code: number | null): void => {
      clearTimeout(timer)
      resolve({ code, output })
    }
    // One that ends without having read it says so by its code.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.stdout.on('data', chunk => (output += String(chunk)))
    child.stderr.on('data', chunk => (output += String(chunk)))
    child.once('error', error => {
      output += error.message
      done(null)
    })
    child.once('close', done)
  })
}
