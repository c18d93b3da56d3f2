// `pnpm planted-bugs`: plants one bug at a time into a copy of the compiled packages, and shows which seed of the
// simulation finds it. A bug that no seed finds is a failure: then an oracle is blind.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bugs } from './planted-bugs/bugs.mjs'

const root = join(import.meta.dirname, '..')
const seeds = 1_000

const wanted = process.argv.slice(2)
let missed = 0
console.log('| bug | seed | what the oracle says |\n|---|---|---|')
for (const bug of bugs) {
  if (wanted.length > 0 && !wanted.some(part => bug.name.includes(part))) continue
  const found = await seedThatFinds(bug)
  if (!found) missed += 1
  console.log(`| ${bug.name} | ${found ? `${found.seed} | ${found.what}` : 'NOT FOUND | '} |`)
}
console.log(missed === 0 ? '\nevery bug was found' : `\n${missed} bugs were not found in ${seeds} seeds`)
process.exitCode = missed === 0 ? 0 : 1

async function seedThatFinds(bug) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'busbar-bug-')))
  try {
    await copyPackages(folder)
    for (const { file, search, replace } of bug.changes)
      await change(join(folder, 'packages', file), search, replace)
    const cli = join(folder, 'packages/core/dist-test/simulation/cli.js')
    const output = await run(cli, ['--seeds', String(seeds), '--workers', '1', '--until-found'])
    const match = /^seed (\d+): .*\n {2}(.*)$/m.exec(output)
    if (!match && !/ 0 with violations/.test(output)) throw new Error(`${bug.name}: ${output}`)
    return match ? { seed: Number(match[1]), what: shortened(match[2]) } : undefined
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The two packages with their compiled code, each with the other as its dependency. */
async function copyPackages(folder) {
  const others = { core: 'transport-memory', 'transport-memory': 'core' }
  for (const [name, other] of Object.entries(others)) {
    const [from, to] = [join(root, 'packages', name), join(folder, 'packages', name)]
    await mkdir(join(to, 'node_modules/@busbar'), { recursive: true })
    await cp(join(from, 'package.json'), join(to, 'package.json'))
    await cp(join(from, 'dist'), join(to, 'dist'), { recursive: true })
    await symlink(join(folder, 'packages', other), join(to, 'node_modules/@busbar', other))
    await symlink(await realpath(join(from, 'node_modules/rxjs')), join(to, 'node_modules/rxjs'))
  }
  await cp(join(root, 'packages/core/dist-test'), join(folder, 'packages/core/dist-test'), {
    recursive: true,
  })
}

/** Replaces a text that is there exactly once: else the list of bugs is out of date. */
async function change(file, search, replace) {
  const text = await readFile(file, 'utf8')
  if (text.split(search).length !== 2) throw new Error(`${file} has not exactly once: ${search}`)
  await writeFile(
    file,
    text.replace(search, () => replace),
  )
}

function run(file, args) {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [file, ...args], { timeout: 300_000 }, (error, stdout, stderr) => {
      // 1 says that an oracle objected.
      if (error && error.code !== 1) reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
      else resolve(stdout)
    })
  })
}

function shortened(text) {
  const line = text.replaceAll('|', '/').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '…')
  return line.length > 130 ? `${line.slice(0, 130)}…` : line
}
