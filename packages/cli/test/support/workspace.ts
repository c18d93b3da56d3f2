import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { deadline } from '@busbar/testkit'

const cli = join(import.meta.dirname, '../..')

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A temporary folder in which modules find our packages, and the real command runs. */
export class Workspace implements AsyncDisposable {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async create(files: Readonly<Record<string, string>> = {}): Promise<Workspace> {
    const workspace = new Workspace(await mkdtemp(join(tmpdir(), 'busbar-cli-')))
    await symlink(join(cli, 'node_modules'), join(workspace.folder, 'node_modules'))
    await workspace.write({
      'package.json': '{"name":"accounts","version":"1.2.3","type":"module"}',
      ...files,
    })
    return workspace
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.folder, name)), { recursive: true })
      await writeFile(join(this.folder, name), text)
    }
  }

  read(name: string): Promise<string> {
    return readFile(join(this.folder, name), 'utf8')
  }

  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const bin = join(cli, 'bin/busbar.js')
    // Of the environment only what Node needs: what the machine's says about registries is none of these tests.
    const options = { cwd: this.folder, maxBuffer: 100_000_000, env: { PATH: process.env['PATH'], ...env } }
    const ran = new Promise<Ran>(resolve => {
      execFile(process.execPath, [bin, ...args], options, (error, out, err) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err })
      })
    })
    return deadline(30_000, `busbar ${args.join(' ')}`, ran)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
