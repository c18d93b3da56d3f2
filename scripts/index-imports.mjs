import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

const IMPORT =
  /(?:^|[\s;}])(?:import|export)\s*(?:[^'"();]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]/g
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm

/**
 * Follows the imports of a package's index, types included, and returns a message for each that an application could
 * not resolve or should not load: another subpath's entry (it is there for those who ask for it), and any package that
 * is neither a dependency nor a required peer. Only files of the package itself are followed.
 */
export async function indexViolations(packageFolder) {
  const manifest = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'))
  const optional = Object.keys(manifest.peerDependenciesMeta ?? {}).filter(
    name => manifest.peerDependenciesMeta[name].optional,
  )
  const allowed = [
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.peerDependencies ?? {}),
  ].filter(name => !optional.includes(name))
  const entries = new Map(
    Object.entries(manifest.exports)
      .filter(([subpath]) => subpath !== '.')
      .map(([subpath, target]) => [source(join(packageFolder, target.default ?? target)), subpath]),
  )
  const violations = []
  const seen = new Set()
  const visit = async (file, trail) => {
    if (seen.has(file)) return
    seen.add(file)
    const path = [...trail, relative(packageFolder, file)]
    const subpath = entries.get(file)
    if (subpath !== undefined) {
      violations.push(`${path.join(' → ')}: the index must not reach the subpath ${subpath}`)
      return
    }
    for (const specifier of importsOf(await readFile(file, 'utf8'))) {
      if (specifier.startsWith('node:')) continue
      if (specifier.startsWith('.')) {
        const target = join(dirname(file), specifier).replace(/\.js$/, '.ts')
        if (existsSync(target)) await visit(target, path)
        continue
      }
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
      if (!allowed.includes(name)) {
        violations.push(
          `${path.join(' → ')}: the index must not need ${name}, which is no required dependency`,
        )
      }
    }
  }
  await visit(source(join(packageFolder, manifest.exports['.'].default)), [])
  return violations
}

function source(compiled) {
  return compiled.replace(/\/dist\//, '/src/').replace(/\.js$/, '.ts')
}

function importsOf(text) {
  return [...text.replace(COMMENT, '').matchAll(IMPORT)].map(match => match[1] ?? match[2])
}
