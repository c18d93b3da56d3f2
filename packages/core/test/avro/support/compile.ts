import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const core = join(import.meta.dirname, '../../..')

/** The project's own TypeScript compiler, to be run by Node. */
export const compiler = join(core, '../../node_modules/typescript/bin/tsc')

/** What stands before each source: everything that makes an event with a schema, and nothing that does. */
export const header = `import { type AnyEvent, type Bus, defineEvent, type EventInput, type EventPayload } from '@busbar/core'
import type { AvroFunction, AvroSchema } from '@busbar/core/avro'
declare const avro: AvroFunction
declare const bus: Bus
declare const loaded: AvroSchema
void [avro, bus, defineEvent, loaded]
export type Exported = [AnyEvent, EventInput<never>, EventPayload<never>]
`

export interface Compiled {
  readonly ok: boolean
  /** What the compiler printed. */
  readonly output: string
  /** The declaration file. */
  readonly declarations: string
}

/** Writes a source into a package of its own, which has Busbar and nothing else installed, for as long as `use` takes. */
export async function withSource<T>(source: string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-types-'))
  try {
    await mkdir(join(folder, 'node_modules/@busbar'), { recursive: true })
    await symlink(core, join(folder, 'node_modules/@busbar/core'))
    await symlink(join(core, 'node_modules/@types'), join(folder, 'node_modules/@types'))
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    const file = join(folder, 'source.ts')
    await writeFile(file, source)
    return await use(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Compiles a source in a process of its own, as strictly as a user may. */
export function compile(source: string, ...flags: readonly string[]): Promise<Compiled> {
  const strictness = ['--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes']
  const target = [
    '--target',
    'es2023',
    '--lib',
    'es2023,esnext.disposable',
    '--module',
    'nodenext',
    '--types',
    'node',
  ]
  return withSource(source, async file => {
    const folder = join(file, '..')
    const output = [
      '--declaration',
      '--emitDeclarationOnly',
      '--outDir',
      folder,
      '--skipLibCheck',
      '--pretty',
      'false',
    ]
    const args = [compiler, '--ignoreConfig', ...strictness, ...target, ...output, ...flags, file]
    const result = await run(args, folder)
    const declarations = await readFile(file.replace(/\.ts$/, '.d.ts'), 'utf8').catch(() => '')
    return { ...result, declarations }
  })
}

function run(args: readonly string[], cwd: string): Promise<Pick<Compiled, 'ok' | 'output'>> {
  return new Promise(resolve => {
    execFile(
      process.execPath,
      args,
      { cwd, timeout: 110_000, maxBuffer: 2 ** 26 },
      (failure, stdout, stderr) => resolve({ ok: failure === null, output: stdout + stderr }),
    )
  })
}
