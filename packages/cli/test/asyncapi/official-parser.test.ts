import { Parser } from '@asyncapi/parser'
import { asyncApi } from '@busbar/cli'
import { defineEvent } from '@busbar/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { contracts, described, UserRenamed } from '../support/contracts.js'
import { requestModule } from '../support/modules.js'
import { surprises, unreachable } from '../support/surprises.js'
import { keysAt } from '../support/walk.js'
import { Workspace } from '../support/workspace.js'

// All tests with the official parser are in this file: loading it takes seconds.
const test = suite("AsyncAPI's official parser")
const parser = new Parser()
const options = { title: 'accounts', version: '1.2.3' }

type Parsed = Awaited<ReturnType<Parser['parse']>>

async function problemsOf(document: unknown): Promise<readonly string[]> {
  return problemsIn(await parser.parse(JSON.stringify(document)))
}

/** What the official parser finds wrong; a later version of AsyncAPI is no fault. */
function problemsIn({ diagnostics }: Parsed): readonly string[] {
  return diagnostics
    .filter(({ code }) => code !== 'asyncapi-latest-version')
    .map(({ code, message, path }) => `${code}: ${message} at ${path.join('/')}`)
}

test('the official parser accepts it, and finds in it what was declared', async () => {
  const document = asyncApi(contracts, {
    ...options,
    description: 'Users',
    servers: { test: { host: '127.0.0.1:9092', protocol: 'kafka' } },
  })
  const answer = await parser.parse(JSON.stringify(document))
  assert.equal(problemsIn(answer), [])
  const parsed = answer.document
  assert.ok(parsed)
  assert.equal(
    parsed
      .channels()
      .all()
      .map(channel => [channel.id(), channel.address()]),
    [
      ['bare', 'bare'],
      ['user.get', 'user.get'],
      ['users', 'users'],
      ['user.get.reply', null],
    ],
  )
  assert.equal(
    parsed
      .operations()
      .all()
      .map(operation => [operation.id(), operation.action()]),
    [
      ['send.bare', 'send'],
      ['send.user.created', 'send'],
      ['receive.user.get', 'receive'],
      ['send.user.renamed', 'send'],
    ],
  )
})

// All in one document, since the parser takes a second for each: what it says names the place.
const all = [
  ...Object.values(surprises).flat(),
  ...unreachable.map((definition, index) =>
    defineEvent(`left-out-${index}`, { schema: described({ format: 'json-schema', definition }) }),
  ),
]
for (const [title, given] of [
  [`${Object.keys(surprises).join(', ')}, and schemas that are left out`, all],
  ['no contracts', []],
] as const) {
  test(`the official parser accepts ${title}`, async () => {
    const document = asyncApi(given, options)
    assert.equal(await problemsOf(document), [])
    const inChannels = Object.values(document.channels).flatMap(each => keysAt(each, 'messages'))
    assert.equal(inChannels.sort(), keysAt(document, 'components', 'messages').sort())
  })
}

test('the parser is one that finds faults', async () => {
  const text = JSON.stringify(asyncApi([UserRenamed], options))
  const broken: unknown = JSON.parse(text.replace('#/components/schemas/user.renamed"', '#/components/no"'))
  assert.match((await problemsOf(broken)).join(), /invalid-ref/)
})

test('AsyncAPI as YAML is the same document, to the official parser as well', async () => {
  await using workspace = await Workspace.create({ 'contracts.js': requestModule })
  for (const out of ['a.json', 'a.yaml', 'a.yml']) await workspace.run(['docs', './contracts.js', '-o', out])
  const text = await workspace.read('a.yaml')
  assert.match(text, /^asyncapi: "3\.0\.0"\ninfo:\n {2}title: "accounts"\n/)
  assert.is(await workspace.read('a.yml'), text)
  const answer = await parser.parse(text)
  assert.equal(problemsIn(answer), [])
  const fromJson = (await parser.parse(await workspace.read('a.json'))).document
  assert.equal(answer.document?.json(), fromJson?.json())
})

test('Avro contracts, one nested in another: accepted by the official parser, and readable', async () => {
  await using workspace = await Workspace.create({
    'avro.js': `
      import { defineEvent } from '@busbar/core'
      import { avro } from '@busbar/core/avro'
      const Address = avro({ type: 'record', name: 'Address', namespace: 'geo', fields: [{ name: 'city', type: 'string' }] })
      export const Moved = defineEvent('moved', {
        schema: avro({
          type: 'record', name: 'Moved', namespace: 'com.example', doc: 'Somebody has moved.',
          fields: [
            { name: 'to', type: Address },
            { name: 'from', type: ['null', Address], default: null, doc: 'Where they lived' },
            { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
          ],
        }),
      })`,
  })
  const json = await workspace.run(['docs', 'avro.js', '--format', 'asyncapi'])
  const answer = await parser.parse(json.out)
  assert.equal(problemsIn(answer), [])
  const [message] = answer.document?.allMessages().all() ?? []
  assert.is(message?.schemaFormat(), 'application/vnd.apache.avro;version=1.9.0')
  assert.is(message?.description(), 'Somebody has moved.')
  const { out } = await workspace.run(['docs', 'avro.js', '--format', 'markdown'])
  assert.match(out, /\| `to` \| \[Address\]\(#moved-geo\.Address\) \| required \|/)
  assert.match(
    out,
    /\| `from` \| null \\\| \[Address\]\(#moved-geo\.Address\) \| `null` \| Where they lived \|/,
  )
  assert.match(out, /<a id="moved-geo\.Address"><\/a>\n\n\*\*geo\.Address\*\*/)
})

test.run()
