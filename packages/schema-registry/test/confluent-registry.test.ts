import { inspect } from 'node:util'
import { confluentRegistry } from '@busbar/schema-registry'
import { deadline, freePort, type ProxyVerdict, registryForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'
import { type Proxied, proxied } from './support/proxied.js'
import { avroSchema, field, userSchema } from './support/schemas.js'

const test = suite('confluentRegistry: faults')

const real = await registryForTests()
const schema = userSchema([field('id', 'string')])

/** Every name of a secret here has this in it. */
const SECRET = 'hunter2'

function faultTest(name: string, run: (proxied: Proxied) => Promise<void>): void {
  if (real !== undefined) test(name, () => deadline(10_000, name, proxied(real, run)))
}

const html = '<!DOCTYPE html><html><body>Please log in</body></html>'

const answers: [string, ProxyVerdict, Parameters<typeof rejects>[1], RegExp][] = [
  [
    'a login page',
    { status: 200, headers: { 'content-type': 'text/html' }, pieces: [html] },
    'REGISTRY_UNAVAILABLE',
    /answered with text\/html instead of JSON: check its URL/,
  ],
  ['broken JSON', { status: 200, pieces: ['{"schema": '] }, 'REGISTRY_UNAVAILABLE', /broken JSON/],
  ['nothing', { status: 200 }, 'REGISTRY_UNAVAILABLE', /answered with nothing/],
  ['a number', { status: 200, pieces: ['7'] }, 'REGISTRY_UNAVAILABLE', /answered with a number/],
  [
    'JSON of something else',
    { status: 200, pieces: ['{"ok":true}'] },
    'REGISTRY_UNAVAILABLE',
    /none of a schema registry's \(schema\)/,
  ],
  [
    'broken references',
    { status: 200, pieces: ['{"schema":"{}","references":[{}]}'] },
    'REGISTRY_UNAVAILABLE',
    /\(name\)/,
  ],
  [
    'a redirect',
    { status: 302, headers: { location: `https://sso.example/login?token=${SECRET}` } },
    'REGISTRY_UNAVAILABLE',
    /redirects to https:\/\/sso\.example\/login, which is not followed/,
  ],
  [
    '401',
    { status: 401, pieces: [html] },
    'REGISTRY_DENIED',
    /refused the credentials \(401\): check option "auth"/,
  ],
  [
    '403',
    { status: 403, pieces: ['{"error_code":40301,"message":"User is denied"}'] },
    'REGISTRY_DENIED',
    /\(403\): User is denied/,
  ],
  [
    '404 of another server',
    { status: 404, pieces: [html] },
    'REGISTRY_UNAVAILABLE',
    /nothing there \(404\): check the path/,
  ],
  [
    '409',
    { status: 409, pieces: ['{"error_code":409,"message":"READER_FIELD_MISSING"}'] },
    'SCHEMA_INCOMPATIBLE',
    /READER_FIELD_MISSING/,
  ],
  [
    '422',
    { status: 422, pieces: ['{"error_code":42201,"message":"not Avro"}'] },
    'SCHEMA_INVALID',
    /\(42201\): not Avro/,
  ],
  ['429', { status: 429 }, 'REGISTRY_UNAVAILABLE', /status 429/],
  [
    '500',
    { status: 500, pieces: ['{"error_code":50001,"message":"the store timed out"}'] },
    'REGISTRY_UNAVAILABLE',
    /status 500: the store timed out/,
  ],
  ['503 throughout', { status: 503 }, 'REGISTRY_UNAVAILABLE', /not there for now \(503\)/],
  [
    'a very long reason',
    { status: 500, pieces: [JSON.stringify({ message: 'x'.repeat(10_000) })] },
    'REGISTRY_UNAVAILABLE',
    /x{500}…$/,
  ],
]

for (const [what, verdict, code, message] of answers) {
  faultTest(`answers with ${what}`, async ({ proxy, client }) => {
    proxy.intercept(() => verdict)
    const error = await rejects(() => client().schemaOf(1), code, message)
    assert.ok(error.message.startsWith(`schema registry ${proxy.url}, GET /schemas/ids/1: `), error.message)
    assert.not.match(error.message, SECRET)
  })
}

faultTest('an answer that never ends is given up in time', async ({ proxy, client }) => {
  const slow = client({ timeoutMs: 200 })
  const pieces = Array.from({ length: 1_000 }, () => ' ')
  for (const verdict of ['hang', { status: 200, pieces, pieceMs: 20 }] as const) {
    proxy.intercept(() => verdict)
    const start = performance.now()
    await rejects(
      () => slow.subjects(),
      'REGISTRY_UNAVAILABLE',
      /no answer within 200 ms: check that it runs/,
    )
    assert.ok(performance.now() - start < 1_000)
  }
})

faultTest('an answer that is too large is given up', async ({ proxy, client }) => {
  const pieces = Array.from({ length: 100 }, () => 'x'.repeat(1_000))
  proxy.intercept(() => ({ status: 200, pieces, pieceMs: 1 }))
  const small = client({ maxResponseBytes: 10_000 })
  await rejects(() => small.subjects(), 'REGISTRY_UNAVAILABLE', /more than 10000 bytes/)
})

faultTest('a body that breaks off is no answer', async ({ proxy, client }) => {
  proxy.intercept(() => ({ status: 200, headers: { 'content-length': '1000' }, pieces: ['{"schema":'] }))
  await rejects(() => client({ timeoutMs: 500 }).schemaOf(1), 'REGISTRY_UNAVAILABLE')
})

faultTest(
  'a connection that is lost, or a registry that restarts, is asked again',
  async ({ proxy, client, direct }) => {
    const subject = uniqueName('again')
    const id = await direct.register(subject, schema)
    for (const fault of ['cut', 'swallow', { status: 503 }] as const) {
      let faults = 2
      proxy.intercept(() => (faults-- > 0 ? fault : 'pass'))
      assert.is(await client().register(subject, schema), id)
    }
    proxy.intercept(() => 'cut')
    const before = proxy.requests.length
    await rejects(() => client().register(subject, schema), 'REGISTRY_UNAVAILABLE', /connection was lost/)
    assert.is(proxy.requests.length - before, 3)
  },
)

faultTest(
  'connections are kept, and one that was closed meanwhile is no failure',
  async ({ proxy, client }) => {
    const one = client()
    for (let call = 0; call < 5; call++) await one.subjects()
    assert.is(proxy.connections, 1)
    proxy.cutAll()
    assert.instance(await one.subjects(), Array)
  },
)

faultTest('the credentials are sent, and are nowhere else', async ({ proxy, client }) => {
  const basic = client({ auth: { username: 'ada', password: `${SECRET}:ä` }, headers: { 'x-key': SECRET } })
  const bearer = client({ auth: { token: SECRET } })
  const asked = client({ auth: { token: async () => SECRET } })
  for (const each of [basic, bearer, asked]) await each.subjects()
  const expected = `Basic ${Buffer.from(`ada:${SECRET}:ä`).toString('base64')}`
  assert.equal(
    proxy.requests.map(({ authorization }) => authorization),
    [expected, `Bearer ${SECRET}`, `Bearer ${SECRET}`],
  )
  proxy.intercept(() => ({ status: 401 }))
  for (const each of [basic, bearer, asked]) {
    const error = await rejects(() => each.subjects(), 'REGISTRY_DENIED')
    const shown = [each, error].flatMap(it => [
      inspect(it, { depth: 9, showHidden: true }),
      JSON.stringify(it),
    ])
    for (const text of shown) {
      assert.not.match(text, SECRET)
      assert.not.match(text, expected.slice(6))
    }
  }
})

faultTest('a token that never comes is given up in time', async ({ client }) => {
  const never = client({ auth: { token: () => new Promise(() => {}) }, timeoutMs: 100 })
  await rejects(() => never.subjects(), 'REGISTRY_UNAVAILABLE', /no answer within 100 ms/)
  const failing = client({ auth: { token: () => Promise.reject(new Error('no such client')) } })
  await rejects(
    () => failing.subjects(),
    'REGISTRY_UNAVAILABLE',
    /option "auth.token" failed: no such client/,
  )
  const nothing = client({ auth: { token: () => undefined as never } })
  await rejects(() => nothing.subjects(), 'REGISTRY_UNAVAILABLE', /option "auth.token" gave no text/)
})

faultTest(
  'references in a circle, and more than a schema can have, are refused',
  async ({ proxy, client }) => {
    const reference = (subject: string) => ({ name: 'x', subject, version: 1 })
    const answer = (subject: string, next: string) =>
      JSON.stringify({ subject, version: 1, id: 1, schema: '"string"', references: [reference(next)] })
    proxy.intercept(({ path }) => {
      const subject = /^\/subjects\/(\w+)\//.exec(path)?.[1] ?? 'start'
      return { status: 200, pieces: [answer(subject, subject === 'a' ? 'b' : 'a')] }
    })
    await rejects(
      () => client().schemaOf(1),
      'SCHEMA_INVALID',
      /in a circle: a version 1 → b version 1 → a version 1/,
    )
    proxy.intercept(({ path }) => {
      const count = Number(/^\/subjects\/s(\d+)\//.exec(path)?.[1] ?? 0)
      return { status: 200, pieces: [answer(`s${count}`, `s${count + 1}`)] }
    })
    await rejects(() => client().schemaOf(1), 'SCHEMA_INVALID', /more than 200/)
  },
)

faultTest('a reference to what was deleted is named', async ({ proxy, client }) => {
  proxy.intercept(({ path }) => {
    if (!path.startsWith('/schemas')) return 'pass'
    const references = [{ name: 'x', subject: 'gone', version: 3 }]
    return { status: 200, pieces: [JSON.stringify({ schema: '"string"', references })] }
  })
  await rejects(() => client().schemaOf(1), 'SCHEMA_UNKNOWN', /no version 3 of subject "gone"/)
})

faultTest(
  'a level of a subject that is not there cannot be set with every registry',
  async ({ proxy, client }) => {
    proxy.intercept(() => ({ status: 404, pieces: ['{"error_code":40401}'] }))
    await rejects(
      () => client().setCompatibility('FULL', 'nobody'),
      'SCHEMA_UNKNOWN',
      /"nobody" has no versions yet/,
    )
  },
)

test('nobody listens', async () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    const url = `http://${host}:${await freePort()}/api/`
    const error = await rejects(
      () => confluentRegistry({ url }).schemaOf(1),
      'REGISTRY_UNAVAILABLE',
      /ECONNREFUSED/,
    )
    assert.match(
      error.message,
      `schema registry ${url.slice(0, -1)}, GET /schemas/ids/1: it is not to be reached`,
    )
    assert.match(error.message, /check that it runs/)
  }
})

test('options that are wrong are named', async () => {
  const url = 'http://localhost:8081'
  const wrong: [object, RegExp][] = [
    [{}, /option "url" must be a URL/],
    [{ url: 'localhost:8081' }, /must start with http: or https:/],
    [{ url: `http://ada:${SECRET}@localhost` }, /must not hold credentials: give them as "auth"/],
    [{ url: `not a url ${SECRET}` }, /option "url" must be a URL/],
    [{ url: `${url}?token=${SECRET}` }, /must end with its path/],
    [{ url, timeoutMs: 0 }, /"timeoutMs"/],
    [{ url, timeoutMs: 2 ** 31 }, /"timeoutMs" must be a number of at least 1, and of at most 2147483647/],
    [{ url, timeoutMs: Number.POSITIVE_INFINITY }, /"timeoutMs"/],
    [{ url, auth: null }, /option "auth" must have/],
    [{ url, cache: { entries: Number.NaN } }, /"cache.entries"/],
    [{ url, subjects: 'toString' }, /"subjects" must be "topic"/],
    [{ url, autoRegister: 'yes' }, /"autoRegister"/],
    [{ url, auth: { username: SECRET } }, /option "auth" must have/],
    [{ url, auth: { token: '' } }, /"auth.token"/],
  ]
  for (const [options, message] of wrong) {
    const error = await rejects(() => confluentRegistry(options as never), 'CONFIG_INVALID', message)
    assert.not.match(error.message, SECRET)
  }
})

test('what has no name or no JSON is refused', async () => {
  const registry = confluentRegistry({ url: 'http://localhost:1', subjects: 'topic-record' })
  assert.is(registry.subjectOf({ topic: 'users', recordName: 'x.User' }), 'users-x.User')
  await rejects(
    () => registry.subjectOf({ topic: 'users', recordName: undefined }),
    'CONFIG_INVALID',
    /no named record/,
  )
  const none = confluentRegistry({ url: 'http://localhost:1', subjects: () => '' })
  await rejects(
    () => none.subjectOf({ topic: 'users', recordName: 'User' }),
    'CONFIG_INVALID',
    /gave no name/,
  )
  await rejects(() => registry.idOf('users', avroSchema(undefined)), 'SCHEMA_INVALID')
})

test.run()
