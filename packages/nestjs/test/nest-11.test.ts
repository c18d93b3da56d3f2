import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { deadline } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

/**
 * A copy of the built package and its tests, put where `@nestjs/…` leads to version 11: from where it is built, Node
 * finds version 12.
 */
const own = join(import.meta.dirname, '..')
const copy = join(own, '../nestjs-11/.cache/nestjs')
const nest = join(own, '../nestjs-11/node_modules/@nestjs/core/package.json')

const test = suite('the tests of this package, with NestJS 11')

await rm(copy, { recursive: true, force: true })
await mkdir(copy, { recursive: true })
for (const part of ['package.json', 'dist', 'dist-test'])
  await cp(join(own, part), join(copy, part), { recursive: true })
/** This file, and those that Nest has no part in. */
const others = new Set(['nest-11.test.ts', 'plain-text.test.ts', 'types.test.ts'])
/** In CI these stand for all of them: the wire both ways, and the life of the module. */
const chosen = /^(handlers|lifecycle|nest-clients-reach-busbar|busbar-reaches-nest-services)\./
const files = (await readdir(join(own, 'test')))
  .filter(name => name.endsWith('.test.ts') && !others.has(name))
  .filter(name => !process.env['CI'] || chosen.test(name))
  .map(name => name.replace(/ts$/, 'js'))

test('version 11 is what is tested', async () => {
  const { version } = JSON.parse(await readFile(nest, 'utf8')) as { readonly version: string }
  assert.match(version, /^11\./)
  assert.ok(files.length > 3)
})

for (const file of files) {
  test(file, async () => {
    const child = spawn(process.execPath, [join(copy, 'dist-test', file)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', chunk => (output += String(chunk)))
    child.stderr.on('data', chunk => (output += String(chunk)))
    const ended = once(child, 'close') as Promise<[number | null]>
    try {
      const [code] = await deadline(40_000, `the end of ${file}`, ended)
      assert.is(code, 0, output)
    } finally {
      child.kill('SIGKILL')
    }
    assert.match(output, /Passed:\s+\d/)
  })
}

test.run()
