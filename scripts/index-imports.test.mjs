import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { indexViolations } from './index-imports.mjs'

const MANIFEST = {
  exports: { '.': { default: './dist/index.js' }, './koa': { default: './dist/koa/index.js' } },
  peerDependencies: { rxjs: '7', koa: '2' },
  peerDependenciesMeta: { koa: { optional: true } },
}

async function violations(files) {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-index-'))
  try {
    for (const [name, text] of Object.entries({ 'package.json': JSON.stringify(MANIFEST), ...files })) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), text)
    }
    return await indexViolations(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('lets the index use its own files, Node and required peers', async () => {
  const files = {
    'src/index.ts': "export { a } from './a.js'\nexport * from 'rxjs'\n// import koa from 'koa'\n",
    'src/a.ts':
      "import { join } from 'node:path'\nimport { map } from 'rxjs/operators'\nimport './index.js'\n",
    'src/koa/index.ts': "import koa from 'koa'\n",
  }
  assert.deepEqual(await violations(files), [])
})

for (const [what, statement] of [
  ['an import', "import { plugin } from './koa/index.js'"],
  ['an export', "export {\n  plugin,\n} from './koa/index.js'"],
  ['a type', "import type { Plugin } from './koa/index.js'"],
  ['an import() at run time', "export const later = () => import('./koa/index.js')"],
]) {
  test(`finds ${what} of another subpath, through other files too`, async () => {
    const files = {
      'src/index.ts': "export * from './a.js'\n",
      'src/a.ts': `${statement}\n`,
      'src/koa/index.ts': 'export const plugin = 1\n',
    }
    assert.deepEqual(await violations(files), [
      'src/index.ts → src/a.ts → src/koa/index.ts: the index must not reach the subpath ./koa',
    ])
  })
}

for (const name of ['koa', 'kafkajs', '@scope/thing']) {
  test(`finds an import of ${name}, no required dependency`, async () => {
    assert.deepEqual(await violations({ 'src/index.ts': `import x from '${name}/sub'\n` }), [
      `src/index.ts: the index must not need ${name}, which is no required dependency`,
    ])
  })
}
