import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { requestModule } from '../support/modules.js'
import { Workspace } from '../support/workspace.js'

const test = suite('busbar docs')

test('AsyncAPI as JSON, named after the package, with the contracts that are nested in exports', async () => {
  await using workspace = await Workspace.create({ 'contracts.js': requestModule })
  const ran = await workspace.run(['docs', 'contracts.js', '--out', 'asyncapi.json'])
  assert.equal(ran, { code: 0, out: '', err: 'asyncapi.json: 2 contracts\n' })
  const document = JSON.parse(await workspace.read('asyncapi.json')) as Record<string, object>
  assert.equal(document['info'], { title: 'accounts', version: '1.2.3' })
  assert.equal(Object.keys(document['channels'] ?? {}), ['user.get', 'users', 'user.get.reply'])
})

test('HTML and Markdown by extension, to standard output by --format', async () => {
  await using workspace = await Workspace.create({ 'contracts.mjs': requestModule })
  await workspace.run(['docs', 'contracts.mjs', '--out', 'docs.md'])
  await workspace.run(['docs', 'contracts.mjs', '--out', 'docs.HTML'])
  assert.match(await workspace.read('docs.md'), /^# accounts 1\.2\.3\n/)
  assert.match(await workspace.read('docs.HTML'), /^<!doctype html>\n/)
  const printed = await workspace.run(['docs', 'contracts.mjs', '--format', 'markdown'])
  assert.equal(printed, { code: 0, out: await workspace.read('docs.md'), err: '' })
})

test('title, version, description, servers and roles are given by options', async () => {
  await using workspace = await Workspace.create({ 'contracts.js': requestModule })
  const args = [
    ...['--title', 'Users', '--api-version', '2.0.0', '--description', 'All of them'],
    ...['--server', 'kafka.example.com:9092', '--server', 'test=127.0.0.1:9092'],
    ...['--handles', 'user.created,user.get', '--publishes', 'user.get'],
  ]
  const { out } = await workspace.run(['docs', 'contracts.js', '--format', 'asyncapi', ...args])
  const document = JSON.parse(out) as Record<string, object>
  assert.equal(document['info'], { title: 'Users', version: '2.0.0', description: 'All of them' })
  assert.equal(document['servers'], {
    server1: { host: 'kafka.example.com:9092', protocol: 'kafka' },
    test: { host: '127.0.0.1:9092', protocol: 'kafka' },
  })
  assert.equal(Object.keys(document['operations'] ?? {}), [
    'receive.user.created',
    'send.user.get',
    'receive.user.get',
  ])
})

test('several modules, CommonJS among them, make one document; a contract counts once', async () => {
  await using workspace = await Workspace.create({
    'contracts.js': requestModule,
    'again.js': `export * as all from './contracts.js'`,
    'common.cjs': `const { defineEvent } = require('@busbar/core'); module.exports = { A: defineEvent('a') }`,
    'common-value.cjs': `module.exports = require('@busbar/core').defineEvent('b')`,
  })
  const modules = ['contracts.js', 'again.js', 'common.cjs', 'common-value.cjs']
  const { code, err } = await workspace.run(['docs', ...modules, '--out', 'x.json'])
  assert.equal([code, err], [0, 'x.json: 4 contracts\n'])
})

test('contracts are found in the getters by which compiled CommonJS modules hand on exports', async () => {
  await using workspace = await Workspace.create({
    'inner.cjs': `
      Object.defineProperty(exports, '__esModule', { value: true })
      const a = require('@busbar/core').defineEvent('a')
      Object.defineProperty(exports, 'A', { enumerable: true, get: () => a })`,
    'outer.cjs': `exports.nested = require('./inner.cjs')`,
  })
  const { code, err } = await workspace.run(['docs', 'outer.cjs', '--out', 'x.json'])
  assert.equal([code, err], [0, 'x.json: 1 contract\n'])
})

test('one contract that two modules define alike is one', async () => {
  await using workspace = await Workspace.create({ 'a.js': requestModule, 'b.js': requestModule })
  const { code, err } = await workspace.run(['docs', 'a.js', 'b.js', '--out', 'x.json'])
  assert.equal([code, err], [0, 'x.json: 2 contracts\n'])
})

const faults: readonly (readonly [title: string, module: string, message: RegExp])[] = [
  ['a module that throws', `throw new Error('no database')`, /m\.js could not be loaded: Error: no database/],
  ['a syntax error', 'export const = 1', /m\.js could not be loaded: SyntaxError/],
  ['a missing dependency', `import 'left-pad'`, /could not be loaded.*left-pad/],
  ['no contracts', `export const a = 1, b = () => {}`, /m\.js exports no contracts: it exports a, b\./],
  ['no exports', '', /exports no contracts: it exports nothing/],
]
for (const [title, module, message] of faults) {
  test(`${title} is told and ends with 2, not with 1`, async () => {
    await using workspace = await Workspace.create({ 'm.js': module })
    const { code, out, err } = await workspace.run(['docs', 'm.js', '--format', 'html'])
    assert.equal([code, out], [2, ''])
    assert.match(err, message)
  })
}

// A feature that the types of Node 20 do not know.
const loadsTypeScript = (process.features as { readonly typescript?: unknown }).typescript

test('TypeScript is loaded where Node can, and elsewhere it says what to do', async () => {
  const module = `import { defineEvent } from '@busbar/core'\nexport const A = defineEvent<{ a: string }>('a')`
  await using workspace = await Workspace.create({ 'contracts.ts': module })
  const { code, err } = await workspace.runProcess(['docs', 'contracts.ts', '--out', 'x.md'])
  if (!loadsTypeScript) {
    assert.is(code, 2)
    assert.match(err, /compile it first, or for TypeScript use Node 22\.18/)
  } else {
    assert.is(code, 0)
  }
})

for (const [args, message] of [
  [['docs', 'missing.js', '--format', 'html'], /there is no module missing\.js/],
  [['docs', '.', '--format', 'html'], /is a folder/],
  [['docs', '--out', 'x.md'], /name at least one module/],
  [['docs', 'contracts.js'], /give --out <file>, or --format/],
  [['docs', 'contracts.js', '--out', 'x.pdf'], /add --format/],
  [['docs', 'contracts.js', '--format', 'pdf'], /--format is one of asyncapi, html, markdown, got "pdf"/],
  [['docs', 'contracts.js', '--ouput', 'x'], /Unknown option '--ouput'/],
  [['docs', 'contracts.js', '--out', 'no/such/folder.md'], /folder\.md could not be written: ENOENT/],
  [['docs', 'contracts.js', '--out', 'x.json', '--handles', 'nobody'], /"nobody" \(handles\) is none of/],
  [['docs', 'contracts.js', '--out', 'x.json', '--server', 'http://x'], /--server is host:port/],
  [['dosc', 'contracts.js'], /there is no command "dosc contracts\.js"\nSee: busbar --help/],
  [['--verbose'], /there is no command "--verbose"/],
  [[], /^Usage:/],
] as const) {
  test(`busbar ${args.join(' ')} is explained and ends with 2`, async () => {
    await using workspace = await Workspace.create({ 'contracts.js': requestModule })
    const { code, out, err } = await workspace.run(args)
    assert.equal([code, out], [2, ''])
    assert.match(err, message)
    assert.not.match(err, /\n\s+at /)
  })
}

for (const args of [['--help'], ['docs', '--help'], ['docs', 'x.js', '-h']]) {
  test(`busbar ${args.join(' ')} helps`, async () => {
    await using workspace = await Workspace.create()
    const { code, out } = await workspace.run(args)
    assert.is(code, 0)
    assert.match(out, /^Usage:/)
  })
}

test('busbar --version tells the version of the package', async () => {
  await using workspace = await Workspace.create()
  const { code, out } = await workspace.run(['--version'])
  assert.is(code, 0)
  assert.match(out, /^\d+\.\d+\.\d+\n$/)
})

test.run()
