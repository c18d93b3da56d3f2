import { confluentRegistry } from '@busbar/schema-registry'
import { freePort, httpProxy, registryForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { age, ageByDefault, eventModule, id } from '../support/modules.js'
import { Workspace } from '../support/workspace.js'

const test = suite('busbar schemas with a registry')
const real = await registryForTests()
const check = ['schemas', 'check', 'm.js']
const push = ['schemas', 'push', 'm.js']

if (real !== undefined) {
  const environment = { SCHEMA_REGISTRY_URL: real.url }

  test('new, pushed, ok, changed: through a real registry', async () => {
    const topic = uniqueName('users')
    await using workspace = await Workspace.create({ 'm.js': eventModule([id], { topic }) })
    const before = await workspace.run(check, environment)
    assert.equal([before.code, before.out], [0, `new  ${topic}-value  has no versions yet (${topic}.User)\n`])
    const pushed = await workspace.run(push, environment)
    assert.equal(
      [pushed.code, pushed.out],
      [0, `pushed  ${topic}-value  as version 1, BACKWARD (${topic}.User)\n`],
      pushed.err,
    )
    const after = await workspace.run([...check, '--require-pushed'], environment)
    assert.equal([after.code, after.out], [0, `ok  ${topic}-value  version 1 (${topic}.User)\n`])
    await workspace.write({ 'm.js': eventModule([id, ageByDefault], { topic }) })
    const changed = await workspace.run([...check, '--registry', real.url])
    assert.equal(
      [changed.code, changed.out],
      [0, `changed  ${topic}-value  may follow version 1, BACKWARD (${topic}.User)\n`],
    )
    assert.is((await workspace.run(push, environment)).code, 0)
    assert.equal(await confluentRegistry({ url: real.url }).versions(`${topic}-value`), [1, 2])
  })

  test("an incompatible schema fails by the registry's word, with our field and rule beside it", async () => {
    const topic = uniqueName('users')
    await using workspace = await Workspace.create({ 'm.js': eventModule([id], { topic }) })
    await workspace.run(push, environment)
    await workspace.write({ 'm.js': eventModule([id, age], { topic }) })
    for (const args of [check, push]) {
      const { code, out } = await workspace.run(args, environment)
      assert.is(code, 1)
      assert.match(out, /^INCOMPATIBLE .*may not follow version 1, BACKWARD/)
      assert.match(out, /\n {2}User\.age .*\[READER_FIELD_MISSING_DEFAULT_VALUE\]\n/)
    }
    assert.equal(await confluentRegistry({ url: real.url }).versions(`${topic}-value`), [1])
  })

  test("a subject's own mode and all of its versions count", async () => {
    const topic = uniqueName('users')
    const registry = confluentRegistry({ url: real.url })
    await using workspace = await Workspace.create({ 'm.js': eventModule([id], { topic }) })
    await workspace.run(push, environment)
    await workspace.write({ 'm.js': eventModule([id, ageByDefault], { topic }) })
    await workspace.run(push, environment)
    await workspace.write({ 'm.js': eventModule([id, age], { topic }) })
    assert.is((await workspace.run(check, environment)).code, 0)
    await registry.setCompatibility('BACKWARD_TRANSITIVE', `${topic}-value`)
    const { code, out } = await workspace.run(check, environment)
    assert.is(code, 1)
    assert.match(out, /BACKWARD_TRANSITIVE.*\n.*records of version 1/)
  })

  test('schemas that refer to those of other subjects are compared whole', async () => {
    const topic = uniqueName('orders')
    const registry = confluentRegistry({ url: real.url })
    const address = { type: 'record', name: 'Address', namespace: topic.replace(/\W/g, '_'), fields: [id] }
    const full = `${address.namespace}.Address`
    await registry.register(full, { format: 'avro', definition: address })
    const order = (type: unknown) => ({
      type: 'record',
      name: 'User',
      namespace: 'com.example',
      fields: [{ name: 'to', type }],
    })
    await registry.register(`${topic}-value`, {
      format: 'avro',
      definition: order(full),
      references: [{ name: full, subject: full, version: 1 }],
    })
    const fields = (more: readonly unknown[]) => [
      { name: 'to', type: { ...address, fields: [...address.fields, ...more] } },
    ]
    await using workspace = await Workspace.create({ 'm.js': eventModule(fields([age]), { topic }) })
    const { code, out, err } = await workspace.run(check, environment)
    assert.is(code, 1, err)
    assert.match(out, /User\.to\.age .*READER_FIELD_MISSING_DEFAULT_VALUE/)
    await workspace.write({ 'm.js': eventModule(fields([ageByDefault]), { topic }) })
    assert.is((await workspace.run(check, environment)).code, 0)
  })

  test('what the registry cannot compare is compared here, and said to be', async () => {
    const topic = uniqueName('users')
    await using proxy = await httpProxy({ target: real.url })
    const through = { SCHEMA_REGISTRY_URL: proxy.url }
    await using workspace = await Workspace.create({ 'm.js': eventModule([id], { topic }) })
    await workspace.run(push, through)
    proxy.intercept(({ path }) =>
      path.startsWith('/compatibility')
        ? { status: 422, pieces: ['{"error_code":42201,"message":"too hard"}'] }
        : 'pass',
    )
    for (const [fields, code] of [
      [[id, ageByDefault], 0],
      [[id, age], 1],
    ] as const) {
      await workspace.write({ 'm.js': eventModule(fields, { topic }) })
      const checked = await workspace.run(check, through)
      assert.is(checked.code, code)
      assert.match(checked.out, /compared here alone, since the registry could not: .*too hard/)
    }
  })

  test('what neither the registry nor the command can compare is not said to be compatible', async () => {
    const topic = uniqueName('users')
    await using proxy = await httpProxy({ target: real.url })
    await using workspace = await Workspace.create({ 'm.js': eventModule([id], { topic }) })
    const subject = `${topic}-value`
    const definition = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' }
    await confluentRegistry({ url: real.url }).register(subject, { format: 'json-schema', definition })
    proxy.intercept(({ path }) =>
      path.startsWith('/compatibility')
        ? { status: 422, pieces: ['{"error_code":42201,"message":"too hard"}'] }
        : 'pass',
    )
    const { code, out } = await workspace.run(check, { SCHEMA_REGISTRY_URL: proxy.url })
    assert.is(code, 1)
    assert.match(out, /^INCOMPATIBLE .*\n.*version 1 is no Avro schema/)
  })

  test('where the registry refuses what is compatible here, and the other way round, its word counts', async () => {
    const topic = uniqueName('users')
    await using proxy = await httpProxy({ target: real.url })
    const through = { SCHEMA_REGISTRY_URL: proxy.url }
    await using workspace = await Workspace.create({ 'm.js': eventModule([id], { topic }) })
    await workspace.run(push, through)
    const answer = (body: unknown) =>
      proxy.intercept(({ path }) =>
        path.startsWith('/compatibility') ? { status: 200, pieces: [JSON.stringify(body)] } : 'pass',
      )
    await workspace.write({ 'm.js': eventModule([id, ageByDefault], { topic }) })
    answer({ is_compatible: false, messages: ['the moon is full'] })
    const refused = await workspace.run(check, through)
    assert.is(refused.code, 1)
    assert.match(refused.out, /INCOMPATIBLE.*\n {2}the registry: the moon is full\n/)
    await workspace.write({ 'm.js': eventModule([id, age], { topic }) })
    answer({ is_compatible: true })
    const accepted = await workspace.run(check, through)
    assert.is(accepted.code, 0)
    assert.match(accepted.out, /^changed.*\n {2}the registry accepts it, although: User\.age/)
  })

  test('a version that somebody pushed meanwhile, and that ours does not fit, ends push with 1', async () => {
    const topic = uniqueName('users')
    await using proxy = await httpProxy({ target: real.url })
    await using workspace = await Workspace.create({ 'm.js': eventModule([id], { topic }) })
    const body = JSON.stringify({ error_code: 409, message: 'incompatible' })
    proxy.intercept(({ method, path }) =>
      method === 'POST' && /\/versions(\?|$)/.test(path) && !path.startsWith('/compatibility')
        ? { status: 409, pieces: [body] }
        : 'pass',
    )
    const { code, err } = await workspace.run(push, { SCHEMA_REGISTRY_URL: proxy.url })
    assert.is(code, 1)
    assert.match(err, /SCHEMA_INCOMPATIBLE.*\n.*pushing again goes on/)
  })

  test('credentials come from the environment, and are not in what is said', async () => {
    await using proxy = await httpProxy({ target: real.url })
    const SCHEMA_REGISTRY_URL = proxy.url
    await using workspace = await Workspace.create({
      'm.js': eventModule([id], { topic: uniqueName('users') }),
    })
    const basic = { SCHEMA_REGISTRY_USERNAME: 'ada', SCHEMA_REGISTRY_PASSWORD: 's3cret' }
    assert.is((await workspace.run(check, { SCHEMA_REGISTRY_URL, ...basic })).code, 0)
    const encoded = Buffer.from('ada:s3cret').toString('base64')
    assert.ok(proxy.requests.every(({ authorization }) => authorization === `Basic ${encoded}`))
    await workspace.run(check, { SCHEMA_REGISTRY_URL, SCHEMA_REGISTRY_TOKEN: 't0ken' })
    assert.is(proxy.requests.at(-1)?.authorization, 'Bearer t0ken')
    proxy.intercept(() => ({ status: 401, pieces: ['{"error_code":40101,"message":"no"}'] }))
    const { code, out, err } = await workspace.run(check, { SCHEMA_REGISTRY_URL, ...basic })
    assert.equal([code, out], [2, ''])
    assert.match(err, /refused the credentials.*SCHEMA_REGISTRY_USERNAME.*REGISTRY_DENIED/)
    assert.not.match(err, /s3cret|YWRh/)
  })

  test('a registry that goes away while it is asked ends with 2, and nothing is said to be fine', async () => {
    await using proxy = await httpProxy({ target: real.url })
    await using workspace = await Workspace.create({
      'm.js': eventModule([id], { topic: uniqueName('users') }),
    })
    proxy.intercept(({ path }) => (path.startsWith('/config') ? { status: 503 } : 'pass'))
    const { code, out, err } = await workspace.run(check, { SCHEMA_REGISTRY_URL: proxy.url })
    assert.equal([code, out], [2, ''])
    assert.match(err, /REGISTRY_UNAVAILABLE/)
  })
}

test('a registry that is down is named, within its time', async () => {
  await using workspace = await Workspace.create({ 'm.js': eventModule([id]) })
  const url = `http://127.0.0.1:${await freePort()}`
  const { code, out, err } = await workspace.run([...check, '--registry', url])
  assert.equal([code, out], [2, ''])
  assert.ok(err.includes(url), err)
  assert.match(err, /ECONNREFUSED.*REGISTRY_UNAVAILABLE/s)
  assert.not.match(err, /\n\s+at /)
})

for (const [title, environment, message] of [
  ['a user without a password', { SCHEMA_REGISTRY_USERNAME: 'ada' }, /set both SCHEMA_REGISTRY_USERNAME and/],
  [
    'a user and a token',
    { SCHEMA_REGISTRY_USERNAME: 'ada', SCHEMA_REGISTRY_PASSWORD: 'x', SCHEMA_REGISTRY_TOKEN: 'y' },
    /TOKEN or SCHEMA_REGISTRY_USERNAME, not both/,
  ],
  ['a URL that is none', { SCHEMA_REGISTRY_URL: 'localhost:8081' }, /CONFIG_INVALID/],
] as const) {
  test(`${title} is refused before anything is asked`, async () => {
    await using workspace = await Workspace.create({ 'm.js': eventModule([id]) })
    const url = { SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' }
    const { code, err } = await workspace.run(check, { ...url, ...environment })
    assert.is(code, 2)
    assert.match(err, message)
  })
}

test.run()
