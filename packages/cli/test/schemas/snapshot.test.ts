import { readdir } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { age, ageByDefault, eventModule, id } from '../support/modules.js'
import { Workspace } from '../support/workspace.js'

const test = suite('busbar schemas with a snapshot')

const push = ['schemas', 'push', 'm.js', '--snapshot', 's.json']
const check = ['schemas', 'check', 'm.js', '--snapshot', 's.json']

interface Snapshot {
  compatibility: string
  subjects: Record<string, { compatibility?: string; versions: unknown[] }>
}
const snapshotIn = async (workspace: Workspace) => JSON.parse(await workspace.read('s.json')) as Snapshot

async function pushed(module: string, more: readonly string[] = []): Promise<Workspace> {
  const workspace = await Workspace.create({ 'm.js': module })
  const { code, err } = await workspace.run([...push, ...more])
  assert.is(code, 0, err)
  return workspace
}

test('push makes the file, check finds the schema in it, and pushing again changes nothing', async () => {
  await using workspace = await pushed(eventModule([id]))
  const first = await workspace.read('s.json')
  const snapshot = JSON.parse(first) as Snapshot
  assert.is(snapshot.compatibility, 'BACKWARD')
  assert.equal(Object.keys(snapshot.subjects), ['users-value'])
  const checked = await workspace.run([...check, '--require-pushed'])
  assert.equal(checked, { code: 0, out: 'ok  users-value  version 1 (users.User)\n', err: '1 ok (s.json)\n' })
  const again = await workspace.run(push)
  assert.equal([again.code, again.err], [0, '1 ok (s.json)\n'])
  assert.is(await workspace.read('s.json'), first)
})

test('a compatible change passes check with a note, fails --require-pushed, and is pushed as a version', async () => {
  await using workspace = await pushed(eventModule([id]))
  await workspace.write({ 'm.js': eventModule([id, ageByDefault]) })
  const checked = await workspace.run(check)
  assert.is(checked.code, 0)
  assert.is(checked.out, 'changed  users-value  may follow version 1, BACKWARD (users.User)\n')
  assert.match(checked.err, /yet to be pushed: busbar schemas push/)
  assert.is((await workspace.run([...check, '--require-pushed'])).code, 1)
  const { code, out } = await workspace.run(push)
  assert.equal([code, out], [0, 'pushed  users-value  as version 2, BACKWARD (users.User)\n'])
  assert.is((await snapshotIn(workspace)).subjects['users-value']?.versions.length, 2)
  assert.is((await workspace.run([...check, '--require-pushed'])).code, 0)
})

test('--compatibility does not pass for done where the file has another', async () => {
  await using workspace = await pushed(eventModule([id]), ['--compatibility', 'FULL'])
  assert.is((await workspace.run([...push, '--compatibility', 'FULL'])).code, 0)
  const { code, out, err } = await workspace.run([...push, '--compatibility', 'NONE'])
  assert.equal([code, out], [2, ''])
  assert.match(err, /s\.json has the compatibility FULL: change it in the file/)
})

test('an incompatible change fails with the field and the rule, and push leaves the file alone', async () => {
  await using workspace = await pushed(eventModule([id]))
  const before = await workspace.read('s.json')
  await workspace.write({ 'm.js': eventModule([id, age]) })
  for (const args of [check, push]) {
    const { code, out } = await workspace.run(args)
    assert.is(code, 1)
    assert.match(out, /^INCOMPATIBLE {2}users-value {2}may not follow version 1, BACKWARD \(users\.User\)\n/)
    assert.match(out, /\n {2}User\.age .*give it a default \[READER_FIELD_MISSING_DEFAULT_VALUE\]\n/)
  }
  assert.match((await workspace.run(push)).err, /nothing was pushed/)
  assert.is(await workspace.read('s.json'), before)
  assert.equal((await readdir(workspace.folder)).sort(), [
    'again-m.js',
    'm.js',
    'node_modules',
    'package.json',
    's.json',
  ])
})

test('one incompatible schema keeps the others from being pushed', async () => {
  const both = (user: string) =>
    `${user}\nexport const Other = defineEvent('other', { schema: avro('string') })`
  await using workspace = await pushed(eventModule([id]))
  await workspace.write({ 'm.js': both(eventModule([id, age])) })
  const { code, out } = await workspace.run(push)
  assert.is(code, 1)
  assert.match(out, /^new {11}other-value {2}has no versions yet \(other\)\nINCOMPATIBLE {2}users-value/)
  assert.equal(Object.keys((await snapshotIn(workspace)).subjects), ['users-value'])
})

for (const [mode, fields, expected] of [
  ['FORWARD', [id, age], 0],
  ['FORWARD', [], 1],
  ['FULL', [id, ageByDefault], 0],
  ['FULL', [id, age], 1],
  ['NONE', [{ name: 'id', type: 'bytes' }, age], 0],
] as const) {
  test(`${mode} is held when it is the file's: ${JSON.stringify(fields)} ends with ${expected}`, async () => {
    await using workspace = await pushed(eventModule([id]), ['--compatibility', mode])
    await workspace.write({ 'm.js': eventModule(fields) })
    assert.is((await workspace.run(check)).code, expected)
  })
}

test('the transitive modes look at all versions, the others at the last', async () => {
  await using workspace = await pushed(eventModule([id]))
  await workspace.write({ 'm.js': eventModule([id, ageByDefault]) })
  await workspace.run(push)
  await workspace.write({ 'm.js': eventModule([id, age]) })
  assert.is((await workspace.run(check)).code, 0)
  const snapshot = await snapshotIn(workspace)
  const subjects = {
    'users-value': { compatibility: 'BACKWARD_TRANSITIVE', ...snapshot.subjects['users-value'] },
  }
  await workspace.write({ 's.json': JSON.stringify({ ...snapshot, subjects }) })
  const { code, out } = await workspace.run(check)
  assert.is(code, 1)
  assert.match(out, /may not follow version 2, BACKWARD_TRANSITIVE.*\n.*records of version 1/)
})

test("a subject's own mode stays when a version is pushed", async () => {
  await using workspace = await pushed(eventModule([id]))
  const snapshot = await snapshotIn(workspace)
  const subjects = { 'users-value': { compatibility: 'NONE', ...snapshot.subjects['users-value'] } }
  await workspace.write({ 's.json': JSON.stringify({ ...snapshot, subjects }), 'm.js': eventModule([age]) })
  assert.is((await workspace.run(push)).code, 0)
  const after = (await snapshotIn(workspace)).subjects['users-value']
  assert.equal([after?.compatibility, after?.versions.length], ['NONE', 2])
})

test('requests, replies and declared errors have subjects; JSON and contracts without a schema are unchecked', async () => {
  await using workspace = await Workspace.create({
    'm.js': `
      import { defineError, defineEvent, defineRequest } from '@busbar/core'
      import { avro } from '@busbar/core/avro'
      import * as z from 'zod'
      const errors = { Gone: defineError('Gone', { data: avro('int') }), Plain: defineError('Plain') }
      export const Get = defineRequest('get', { topic: 'q', request: avro('string'), reply: avro('long'), errors })
      export const Json = defineEvent('json', { schema: z.string() })
      export const Bare = defineEvent('bare')`,
  })
  const { code, out, err } = await workspace.run(push)
  assert.is(code, 0)
  assert.equal(
    out
      .split('\n')
      .map(line => line.split(/ {2,}/).slice(0, 2).join(' '))
      .filter(Boolean),
    [
      'pushed q-value',
      'pushed q.Gone-value',
      'pushed q.reply-value',
      'unchecked bare',
      'unchecked get.Plain',
      'unchecked json',
    ],
  )
  assert.match(out, /bare +no schema to compare\n/)
  assert.match(out, /json +JSON Schema: not compared/)
  assert.is(err, '3 pushed, 3 unchecked (s.json)\n')
})

test('two records of one topic do not share a subject, and the message says which naming helps', async () => {
  await using workspace = await Workspace.create({
    'm.js': eventModule([id], { record: 'Created' }),
    'n.js': eventModule([id], { record: 'Deleted' }),
  })
  const args = ['schemas', 'push', 'm.js', 'n.js', '--snapshot', 's.json']
  const refused = await workspace.run(args)
  assert.is(refused.code, 1)
  assert.match(refused.out, /NAME_MISMATCH/)
  assert.match(refused.out, /hold the schema of users\.Created, too.*--subjects record or topic-record/)
  for (const [naming, subjects] of [
    ['record', ['com.example.Created', 'com.example.Deleted']],
    ['topic-record', ['users-com.example.Created', 'users-com.example.Deleted']],
  ] as const) {
    const file = `${naming}.json`
    const { code } = await workspace.run([...args.slice(0, 4), '--snapshot', file, '--subjects', naming])
    assert.is(code, 0)
    assert.equal(Object.keys((JSON.parse(await workspace.read(file)) as Snapshot).subjects), subjects)
  }
})

test('two versions of one event are pushed in the order in which they are named', async () => {
  await using workspace = await Workspace.create({
    'old.js': eventModule([id]),
    'current.js': eventModule([id, age]),
  })
  const both = (...modules: string[]) =>
    workspace.run(['schemas', 'push', ...modules, '--snapshot', `${modules[0]}.json`])
  const refused = await both('old.js', 'current.js')
  assert.is(refused.code, 1)
  assert.match(
    refused.out,
    /another schema of users\.User is to become version 1.*in the order of the modules/,
  )
  assert.not.match(refused.out, /--subjects/)
  const { code, out } = await both('current.js', 'old.js')
  assert.is(code, 0)
  assert.match(out, /as version 1.*\n.*as version 2/)
})

test('one record in two topics is one schema of its subject', async () => {
  await using workspace = await Workspace.create({
    'm.js': eventModule([id], { topic: 'a' }),
    'n.js': eventModule([id], { topic: 'b' }),
  })
  const { out } = await workspace.run([...push, 'n.js', '--subjects', 'record'])
  assert.is(out, 'pushed  com.example.User  as version 1, BACKWARD (a.User, b.User)\n')
})

test('naming by record needs records', async () => {
  await using workspace = await Workspace.create({
    'm.js': `import { defineEvent } from '@busbar/core'; import { avro } from '@busbar/core/avro'
      export const A = defineEvent('a', { schema: avro('string') })`,
  })
  const { code, err } = await workspace.run([...push, '--subjects', 'record'])
  assert.is(code, 2)
  assert.match(err, /describes no named record.*CONFIG_INVALID/)
})

test('--json says the same to programs', async () => {
  await using workspace = await pushed(eventModule([id]))
  await workspace.write({ 'm.js': eventModule([id, age]) })
  const { code, out } = await workspace.run([...check, '--json'])
  assert.is(code, 1)
  const { store, ok, subjects, unchecked } = JSON.parse(out) as Record<string, unknown>
  assert.equal([store, ok, unchecked], ['s.json', false, []])
  const [subject] = subjects as readonly Record<string, unknown>[]
  assert.equal(
    [subject?.['subject'], subject?.['status'], subject?.['version']],
    ['users-value', 'INCOMPATIBLE', 1],
  )
  const [problem] = (subject?.['problems'] ?? []) as readonly Record<string, unknown>[]
  assert.equal(
    [problem?.['path'], problem?.['rule'], problem?.['direction']],
    ['User.age', 'READER_FIELD_MISSING_DEFAULT_VALUE', 'backward'],
  )
})

test('a change of a logical type is a warning', async () => {
  const at = (type: unknown) => eventModule([{ name: 'at', type }])
  await using workspace = await pushed(at({ type: 'long', logicalType: 'timestamp-millis' }))
  await workspace.write({ 'm.js': at({ type: 'long', logicalType: 'timestamp-micros' }) })
  const { code, out } = await workspace.run(check)
  assert.is(code, 0)
  assert.match(out, /^changed .*\n {2}warning: User\.at /)
})

test('an earlier version comes back as what it is', async () => {
  await using workspace = await pushed(eventModule([id]))
  await workspace.write({ 'm.js': eventModule([id, ageByDefault]) })
  await workspace.run(push)
  await workspace.write({ 'm.js': eventModule([id]) })
  assert.is((await workspace.run(check)).out, 'ok  users-value  version 1 (users.User)\n')
})

test.run()
