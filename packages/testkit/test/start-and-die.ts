import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** Starts a broker in another process that is then killed with SIGKILL, and resolves what it had started. */
export async function startAndDie(): Promise<{ pid: number; logDir: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/start-and-wait.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  child.kill('SIGKILL')
  await once(child, 'close')
  return JSON.parse(String(line)) as { pid: number; logDir: string }
}
