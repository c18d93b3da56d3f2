// `pnpm check`: everything that can be said about the code without running it. Goes on after a failure, shows what
// failed in full, and ends with the totals. Arguments choose checks by name: `pnpm check biome knip`.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { indexViolations } from './index-imports.mjs'

const root = join(import.meta.dirname, '..')
const bin = name => join(root, 'node_modules/.bin', name)
const published = [
  'core',
  'transport-memory',
  'transport-kafka',
  'store-redis',
  'store-postgres',
  'state-level',
  'schema-registry',
  'nestjs',
  'cli',
]

const ownTests = ['scripts/index-imports.test.mjs', 'scripts/lint-rules.test.mjs']

/** In this order: what comes later reads what tsc has built. */
const ofAll = [
  ['biome', () => run(bin('biome'), ['check', '--error-on-warnings', '.'])],
  ['tsc', () => run(bin('tsc'), ['-b'])],
  ['oxlint', () => run(bin('oxlint'), ['--type-aware', '--deny-warnings'])],
  ['knip', () => run(bin('knip'), [])],
  ['core-index', coreIndex],
  ['own-rules', () => run(process.execPath, ['--test', ...ownTests])],
]
const ofPackages = published.map(name => [`package ${name}`, () => packed(name)])

const wanted = process.argv.slice(2)
let passed = 0
let failed = 0
await runAll(ofAll, 1)
await runAll(ofPackages, 2)
console.log(`${passed} checks passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

async function runAll(checks, atATime) {
  const queue = checks.filter(([name]) => wanted.length === 0 || wanted.some(part => name.includes(part)))
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await runOne(...next)
  }
  await Promise.all(Array.from({ length: atATime }, worker))
}

async function runOne(name, check) {
  const start = Date.now()
  const { ok, output } = await check()
  console.log(`${ok ? 'ok  ' : 'FAIL'}  ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`)
  if (ok) passed++
  else failed++
  if (!ok) console.log(output.trimEnd())
}

async function coreIndex() {
  const violations = await indexViolations(join(root, 'packages/core'))
  return { ok: violations.length === 0, output: violations.join('\n') }
}

/** Packs a package as it would be published, and has the tarball looked at by publint and attw. */
async function packed(name) {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-pack-'))
  try {
    const tarball = join(folder, `${name}.tgz`)
    // The pnpm that runs this script: with `npx pnpm@10` there may be no other.
    const pnpm = process.env.npm_execpath?.includes('pnpm') ? process.env.npm_execpath : undefined
    const pack = ['pack', '--out', tarball]
    const cwd = join(root, 'packages', name)
    const steps = [
      () =>
        pnpm && /\.[cm]?js$/.test(pnpm)
          ? run(process.execPath, [pnpm, ...pack], cwd)
          : run(pnpm ?? 'pnpm', pack, cwd),
      () => run(bin('publint'), [tarball, '--strict']),
      () => run(bin('attw'), [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color']),
    ]
    let output = ''
    for (const step of steps) {
      const result = await step()
      output += result.output
      if (!result.ok) return { ok: false, output }
    }
    return { ok: true, output }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function run(command, args, cwd = root) {
  return new Promise(resolve => {
    let output = ''
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', chunk => (output += chunk))
    child.stderr.on('data', chunk => (output += chunk))
    child.once('error', error => resolve({ ok: false, output: `${output}${command}: ${error.message}` }))
    child.once('close', code => resolve({ ok: code === 0, output }))
  })
}
