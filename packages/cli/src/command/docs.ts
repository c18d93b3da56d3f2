import { readFile, writeFile } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { reasonOf } from '@busbar/core'
import { asyncApi } from '../asyncapi/async-api.js'
import { yaml } from '../asyncapi/yaml.js'
import type { Contract } from '../contracts/contract.js'
import { loadContracts } from '../contracts/load-contracts.js'
import { html } from '../docs/html.js'
import { markdown } from '../docs/markdown.js'
import { pageOf } from '../docs/page.js'
import { Failure } from './failure.js'
import type { Command, ExitCode, Io } from './io.js'
import { oneOf, parsed } from './options.js'

const formats = ['asyncapi', 'html', 'markdown'] as const
type Format = (typeof formats)[number]

const formatOfExtension: Readonly<Record<string, Format>> = {
  '.json': 'asyncapi',
  '.yaml': 'asyncapi',
  '.yml': 'asyncapi',
  '.html': 'html',
  '.htm': 'html',
  '.md': 'markdown',
}

const options = {
  out: { type: 'string', short: 'o' },
  format: { type: 'string' },
  title: { type: 'string' },
  'api-version': { type: 'string' },
  description: { type: 'string' },
  server: { type: 'string', multiple: true },
  publishes: { type: 'string', multiple: true },
  handles: { type: 'string', multiple: true },
} as const

export const docs: Command = {
  name: 'docs',
  summary: 'writes the documentation of contracts: AsyncAPI 3, HTML or Markdown',
  help: `Usage: busbar docs <module…> --out <file> [options]

Writes the documentation of the contracts that the modules export. The same contracts give the same file, so that it
can be committed and compared.

  <module…>              compiled modules (ESM or CommonJS; TypeScript where Node can load it); they are run
  --out, -o <file>       where it goes; its extension chooses the format: .json, .yaml, .html, .md. Default: standard output
  --format <format>      asyncapi, html or markdown; needed where the extension does not say
  --title <text>         default: "name" of the package.json here
  --api-version <text>   default: "version" of the package.json here
  --description <text>   a sentence or two below the title

AsyncAPI only:
  --server <host:port>   a broker; may be given several times, as name=host:port too
  --publishes <name>     an event that the service publishes, or a request that it asks; several times, or a,b,c
  --handles <name>       an event that it handles, or a request that it answers; the same.
                         With neither: it publishes all events and answers all requests
`,
  run,
}

async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  const { values, modules } = parsed('docs', args, options)
  const format = formatOf(values.format, values.out)
  const contracts = await loadContracts(modules, io.cwd)
  const info = await infoOf(values, io.cwd)
  const text = written(contracts, format, info, values)
  if (values.out === undefined) {
    io.out(text)
    return 0
  }
  try {
    await writeFile(resolve(io.cwd, values.out), text)
  } catch (thrown) {
    throw new Failure(`${values.out} could not be written: ${reasonOf(thrown)}`, { cause: thrown })
  }
  io.err(`${values.out}: ${contracts.length} ${contracts.length === 1 ? 'contract' : 'contracts'}\n`)
  return 0
}

function formatOf(given: string | undefined, out: string | undefined): Format {
  if (given !== undefined) return oneOf('docs', 'format', given, formats)
  const byExtension = out === undefined ? undefined : formatOfExtension[extname(out).toLowerCase()]
  if (byExtension !== undefined) return byExtension
  throw new Failure(
    out === undefined
      ? 'give --out <file>, or --format'
      : `the name ${out} does not say the format: add --format`,
    { helpOf: 'docs' },
  )
}

interface Info {
  readonly title: string
  readonly version: string
  readonly description?: string
}

async function infoOf(
  given: { readonly title?: string; readonly 'api-version'?: string; readonly description?: string },
  cwd: string,
): Promise<Info> {
  const manifest = await manifestIn(cwd)
  const own = (key: string) => (typeof manifest[key] === 'string' ? manifest[key] : undefined)
  const title = given.title ?? own('name')
  if (title === undefined) {
    throw new Failure('give --title: there is no package.json with a "name" here', { helpOf: 'docs' })
  }
  return {
    title,
    version: given['api-version'] ?? own('version') ?? '0.0.0',
    ...(given.description === undefined ? {} : { description: given.description }),
  }
}

async function manifestIn(cwd: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return Object(JSON.parse(await readFile(join(cwd, 'package.json'), 'utf8'))) as Record<string, unknown>
  } catch {
    return {}
  }
}

interface AsyncApiArguments {
  readonly out?: string
  readonly server?: string[]
  readonly publishes?: string[]
  readonly handles?: string[]
}

function written(
  contracts: readonly Contract[],
  format: Format,
  info: Info,
  { out, server, publishes, handles }: AsyncApiArguments,
): string {
  if (format === 'html') return html(pageOf(contracts, info))
  if (format === 'markdown') return markdown(pageOf(contracts, info))
  const document = asyncApi(contracts, {
    ...info,
    ...(server ? { servers: serversOf(server) } : {}),
    ...(publishes ? { publishes: names(publishes) } : {}),
    ...(handles ? { handles: names(handles) } : {}),
  })
  const isYaml = /\.ya?ml$/i.test(out ?? '')
  return isYaml ? yaml(document) : `${JSON.stringify(document, null, 2)}\n`
}

/** Names hold no commas that anybody would miss; with `--handles=` there are none. */
function names(given: readonly string[]): readonly string[] {
  return given.flatMap(each => each.split(',')).filter(each => each !== '')
}

function serversOf(given: readonly string[]): Readonly<Record<string, { host: string; protocol: string }>> {
  return Object.fromEntries(
    given.map((each, index) => {
      const [, name = `server${index + 1}`, host] = /^(?:([A-Za-z0-9_-]+)=)?([^\s/]+)$/.exec(each) ?? []
      if (host === undefined) {
        throw new Failure(`--server is host:port or name=host:port, got "${each}"`, { helpOf: 'docs' })
      }
      return [name, { host, protocol: 'kafka' }]
    }),
  )
}
