import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { deadline } from '@busbar/testkit'
import { main } from '../../dist/command/main.js'

const cli = join(import.meta.dirname, '../..')

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A temporary folder in which modules find our packages, and the command runs. */
export class Workspace implements AsyncDisposable {
  readonly folder: string
  /** Of modules that were written again: a process imports each file once. */
  readonly #latest = new Map<string, string>()

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
      await writeFile(join(this.folder, this.#fresh(name)), text)
    }
  }

  #fresh(name: string): string {
    if (extname(name) !== '.js') return name
    const known = this.#latest.get(name)
    const latest = known === undefined ? name : `again-${known}`
    this.#latest.set(name, latest)
    return latest
  }

  read(name: string): Promise<string> {
    return readFile(join(this.folder, name), 'utf8')
  }

  /** In this process: what is loaded and printed is the same, and it takes a hundredth of the time. */
  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const out: string[] = []
    const err: string[] = []
    const code = await main(
      args.map(arg => this.#latest.get(arg) ?? arg),
      { out: text => void out.push(text), err: text => void err.push(text), env, cwd: this.folder },
    )
    return { code, out: out.join(''), err: err.join('') }
  }

  /** As a program of its own, for what only a process has; `then` is what a shell does with it. */
  runProcess(args: readonly string[], env: Readonly<Record<string, string>> = {}, then = ''): Promise<Ran> {
    const script = `"$0" "$@" ${then}`
    // Of the environment only what Node needs: what the machine's says about registries is none of these tests.
    const options = { cwd: this.folder, maxBuffer: 100_000_000, env: { PATH: process.env['PATH'], ...env } }
    const command = ['--norc', '-c', script, process.execPath, join(cli, 'bin/busbar.js'), ...args]
    const ran = new Promise<Ran>(resolve => {
      execFile('bash', command, options, (error, out, err) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err })
      })
    })
    return deadline(30_000, `busbar ${args.join(' ')}`, ran)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
