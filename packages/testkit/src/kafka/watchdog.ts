import { spawn } from 'node:child_process'

/**
 * Sees to it that brokers and folders don't outlive this process, also when it is killed with SIGKILL: a shell waits
 * for the pipe from this process to close and then runs `command`.
 *
 * @param command a shell command that gets `args` as `$1`, `$2` …
 * @returns a function that calls the watchdog off.
 */
export function whenThisProcessDies(command: string, args: readonly string[]): () => void {
  // Detached: a Ctrl-C in the terminal goes to the whole foreground group and must not end the watchdog first.
  const child = spawn('sh', ['-c', `read -r _; ${command}`, 'watchdog', ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  child.unref()
  // A child's stdin is a socket, though its type doesn't say so. It must not keep this process alive.
  ;(child.stdin as unknown as { unref(): void }).unref()
  return () => child.kill('SIGKILL')
}
