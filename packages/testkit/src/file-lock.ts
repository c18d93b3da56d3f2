import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Runs `work` while holding a lock between processes, kept as a file that names its owner. A lock whose owner is dead
 * is taken over.
 *
 * @throws Error when the lock is held for longer than `waitMs` (default: five minutes).
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>, waitMs = 300_000): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  const end = Date.now() + waitMs
  while (!(await acquire(path))) {
    if (Date.now() > end) throw new Error(`another process holds ${path} for more than ${waitMs} ms`)
    await sleep(100)
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function acquire(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const owner = Number(await readFile(path, 'utf8').catch(() => ''))
  // An empty file is an owner between creating and writing: wait.
  if (owner > 0 && !isAlive(owner)) await rm(path, { force: true })
  return false
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
