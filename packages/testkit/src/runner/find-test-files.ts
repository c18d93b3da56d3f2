import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type SharedServer, sharedServers } from './shared-servers.js'

/** One compiled test file. */
export interface TestFile {
  /** Absolute. */
  readonly path: string
  /** Its source's path from the workspace's top: what a person knows it by. */
  readonly name: string
  readonly needs: readonly SharedServer[]
}

/**
 * The compiled test files of all packages and of the examples whose name has one of the `filters` in it (all without filters), in the order
 * of their names. What was compiled from a source that is gone doesn't count.
 */
export async function findTestFiles(root: string, filters: readonly string[]): Promise<TestFile[]> {
  const packages = await readdir(join(root, 'packages'))
  const folders = [...packages.map(name => join(root, 'packages', name)), join(root, 'examples')]
  const found = await Promise.all(folders.map(folder => filesOf(root, folder)))
  return found
    .flat()
    .filter(({ name }) => filters.length === 0 || filters.some(filter => name.includes(filter)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function filesOf(root: string, folder: string): Promise<TestFile[]> {
  const compiled = join(folder, 'dist-test')
  if (!existsSync(compiled)) return []
  const files: TestFile[] = []
  for (const entry of await readdir(compiled, { recursive: true })) {
    if (!entry.endsWith('.test.js')) continue
    const path = join(compiled, entry)
    const source = join(folder, 'test', entry.replace(/\.js$/, '.ts'))
    if (!existsSync(source)) continue
    const name = relative(root, source)
    const content = await readFile(path, 'utf8')
    files.push({ path, name, needs: sharedServers.filter(server => server.isNeededBy(name, content)) })
  }
  return files
}
