// The linter's rules for this project's architecture, each tried with code that breaks it: a rule whose pattern is
// misspelt finds nothing and looks like clean code.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const GLOBAL = 'lint/style/noRestrictedGlobals'
const IMPORT = 'lint/style/noRestrictedImports'

const PORT_ONLY = [
  ['setTimeout(() => {}, 1)', GLOBAL],
  ['setInterval(() => {}, 1)', GLOBAL],
  ['setImmediate(() => {})', GLOBAL],
  ['export const found = performance.now()', GLOBAL],
  ['export const found = crypto.randomUUID()', GLOBAL],
  ['export const found = Date.now()', 'plugin'],
  ['export const found = new Date()', 'plugin'],
  ['export const found = Date()', 'plugin'],
  ['export const found = Math.random()', 'plugin'],
  ['export const found = AbortSignal.timeout(1)', 'plugin'],
  ['process.nextTick(() => {})', 'plugin'],
  ['export const found = process.hrtime.bigint()', 'plugin'],
  ['export const found = globalThis.setTimeout', 'plugin'],
  ["export { setTimeout } from 'node:timers/promises'", IMPORT],
  ["export { randomUUID } from 'node:crypto'", IMPORT],
  ["export { performance } from 'node:perf_hooks'", IMPORT],
  ["export const found = import('node:timers')", IMPORT],
  ["export { debounceTime } from 'rxjs'", IMPORT],
]
const BROKERS = ['kafkajs', 'kafkajs/src/index.js', 'amqplib', '@busbar/transport-kafka']
const FINE = [
  'export const found = new Date(0)',
  'queueMicrotask(() => {})',
  'export type When = Date',
  "export { map } from 'rxjs'",
]

const inFolder = (folder, code, rules) => ({ path: `${folder}/probe-${probes++}.ts`, code, rules })
let probes = 0

const cases = [
  ...PORT_ONLY.flatMap(([code, rule]) => [
    inFolder('packages/core/src/bus', code, [rule]),
    inFolder('packages/transport-memory/src', code, [rule]),
    inFolder('packages/transport-kafka/src', code, []),
  ]),
  ...BROKERS.flatMap(module => [
    inFolder('packages/core/src', `export * from '${module}'`, [IMPORT]),
    inFolder('packages/core/test', `export * from '${module}'`, []),
  ]),
  ...FINE.map(code => inFolder('packages/core/src', code, [])),
  // The port itself may do all that, but must not import a broker either.
  {
    path: 'packages/core/src/runtime.ts',
    code: [
      ...PORT_ONLY.map(([code], index) => code.replace('found', `found${index}`)),
      ...BROKERS.map(module => `export * from '${module}'`),
    ].join('\n'),
    rules: BROKERS.map(() => IMPORT),
  },
]

/** The rules that find fault with each case's code, from the project's configuration. */
function lint() {
  const root = join(import.meta.dirname, '..')
  const folder = mkdtempSync(join(tmpdir(), 'busbar-lint-'))
  try {
    const { vcs: _, $schema: __, ...config } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'))
    writeFileSync(join(folder, 'biome.json'), JSON.stringify(config))
    cpSync(join(root, 'scripts/lint'), join(folder, 'scripts/lint'), { recursive: true })
    for (const { path, code } of cases) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), `${code}\n`)
    }
    const biome = join(root, 'node_modules/.bin/biome')
    const args = ['lint', '--reporter=json', '--max-diagnostics=none', '.']
    const result = spawnSync(biome, args, { cwd: folder, encoding: 'utf8' })
    const { diagnostics } = JSON.parse(result.stdout)
    return cases.map(({ path }) =>
      diagnostics.filter(({ location }) => location.path === path).map(({ category }) => category),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const [index, found] of lint().entries()) {
  const { path, code, rules } = cases[index]
  test(`${path}: ${code} ${rules.length === 0 ? 'is fine' : 'is found'}`, () => {
    assert.deepEqual(found, rules)
  })
}
