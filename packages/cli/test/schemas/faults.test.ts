import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventModule, id } from '../support/modules.js'
import { Workspace } from '../support/workspace.js'

const test = suite('faults of busbar schemas')

const push = ['schemas', 'push', 'm.js', '--snapshot', 's.json']
const check = ['schemas', 'check', 'm.js', '--snapshot', 's.json']

const versions = { versions: ['string'] }
for (const [title, text, message] of [
  ['no JSON', '{', /s\.json is no snapshot of schemas: .*JSON/],
  ['marks of a merge', '{\n<<<<<<< ours\n}', /marks of a merge; keep the versions of both sides/],
  ['an array', '[]', /it is no object/],
  ['no mode', '{"subjects":{}}', /its "compatibility" is none of BACKWARD/],
  ['an unknown mode', '{"compatibility":"FULLY","subjects":{}}', /none of BACKWARD/],
  ['no subjects', '{"compatibility":"FULL"}', /"subjects" is no object/],
  [
    'a subject without versions',
    '{"compatibility":"FULL","subjects":{"a":{}}}',
    /subject a has no list of "versions"/,
  ],
  [
    'a schema that is none',
    '{"compatibility":"FULL","subjects":{"a":{"versions":["string",{"type":"recrd"}]}}}',
    /version 2 of subject a: .*not valid/,
  ],
  [
    "an unknown mode of a subject's own",
    JSON.stringify({ compatibility: 'FULL', subjects: { a: { compatibility: 7, ...versions } } }),
    /"compatibility" of subject a is none of/,
  ],
] as const) {
  test(`a file with ${title} is refused, with 2`, async () => {
    await using workspace = await Workspace.create({ 'm.js': eventModule([id]), 's.json': text })
    for (const args of [check, push]) {
      const { code, out, err } = await workspace.run(args)
      assert.equal([code, out], [2, ''])
      assert.match(err, message)
    }
    assert.is(await workspace.read('s.json'), text)
  })
}

for (const [args, message] of [
  [['check', 'm.js'], /name the schema registry \(--registry <url>, or SCHEMA_REGISTRY_URL/],
  [
    ['check', 'm.js', '--snapshot', 'none.json'],
    /there is no snapshot none\.json: make it with busbar schemas push/,
  ],
  [['check', 'm.js', '--snapshot', 's.json', '--registry', 'http://127.0.0.1:1'], /not both/],
  [['push', 'm.js', '--snapshot', 's.json', '--subjects', 'topics'], /--subjects is one of topic, record/],
  [['push', 'm.js', '--snapshot', 's.json', '--compatibility', 'ALL'], /--compatibility is one of BACKWARD/],
  [['push', 'm.js', '--registry', 'http://127.0.0.1:1', '--compatibility', 'FULL'], /is for a snapshot/],
  [['push', 'm.js', '--snapshot', 'no/such/s.json'], /the snapshot .* could not be written: ENOENT/],
  [['push', '--snapshot', 's.json'], /name at least one module/],
  [['pull', 'm.js'], /there is no command "schemas pull"/],
] as const) {
  test(`schemas ${args.join(' ')} is explained and ends with 2`, async () => {
    await using workspace = await Workspace.create({ 'm.js': eventModule([id]) })
    const { code, out, err } = await workspace.run(['schemas', ...args])
    assert.equal([code, out], [2, ''])
    assert.match(err, message)
    assert.not.match(err, /\n\s+at /)
  })
}

for (const args of [
  ['schemas', '--help'],
  ['schemas', 'check', '--help'],
  ['schemas', 'push', '-h'],
]) {
  test(`busbar ${args.join(' ')} helps`, async () => {
    await using workspace = await Workspace.create()
    const { code, out } = await workspace.run(args)
    assert.is(code, 0)
    assert.match(out, /^Usage:.*busbar schemas (check|push)/s)
  })
}

test.run()
