import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'

const root = join(import.meta.dirname, '../..')
const test = suite(
  'every TypeScript snippet of the documentation is part of a program that is compiled and run',
)

const pages = ['README.md', 'CONTRIBUTING.md', 'bench/README.md', ...(await markdownOf('docs'))]
const programs = await Promise.all(
  [
    'examples/src',
    'examples/test',
    'examples/unit-tests',
    'packages/core/test',
    'packages/nestjs/test',
    'packages/transport-kafka/test',
    'packages/store-redis/test',
    'packages/store-postgres/test',
    'packages/schema-registry/test',
  ].map(programsOf),
)
const sources = programs.flat()

for (const page of pages) {
  const text = await readFile(join(root, page), 'utf8')
  for (const [, snippet = ''] of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
    const first = snippet.split('\n')[0]
    test(`${page}: ${first}`, () => {
      const found = sources.some(source => wordsOf(source).includes(wordsOf(snippet)))
      assert.ok(found, `this snippet is in no program, word for word:\n${snippet}`)
    })
  }
}

test('links between the pages lead somewhere', async () => {
  for (const page of pages) {
    const text = await readFile(join(root, page), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      const path = join(root, page, '..', target)
      await assert.doesNotReject(
        readdir(path).catch(() => readFile(path)),
        `${page} links to ${target}, which is not there`,
      )
    }
  }
})

/** A program is wrapped and indented by the formatter; a page is not. */
function wordsOf(text: string): string {
  return text.replace(/\s+/g, '').replace(/,(?=[)\]}]|$)/g, '')
}

async function markdownOf(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true })
  return entries.filter(entry => entry.endsWith('.md')).map(entry => join(folder, entry))
}

async function programsOf(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true }).catch(() => [])
  const paths = entries.filter(entry => entry.endsWith('.ts'))
  return Promise.all(paths.map(path => readFile(join(root, folder, path), 'utf8')))
}

test.run()
