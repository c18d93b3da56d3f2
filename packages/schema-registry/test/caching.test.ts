import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RegisteredSchema } from '@busbar/core'
import { confluentRegistry, type SchemaRegistryClient } from '@busbar/schema-registry'
import { deadline, eventually, registryForTests, uniqueName } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects } from './support/assertions.js'
import { type Proxied, proxied } from './support/proxied.js'
import { avroSchema, field, userSchema } from './support/schemas.js'

const test = suite('what a registry client remembers')

const real = await registryForTests()

function cacheTest(name: string, run: (proxied: Proxied) => Promise<void>): void {
  if (real !== undefined) test(name, () => deadline(20_000, name, proxied(real, run)))
}

const id = field('id', 'string')

/** Registers that many versions of a subject, each with a field more; their ids, oldest first. */
async function register(registry: SchemaRegistryClient, subject: string, count: number): Promise<number[]> {
  const ids: number[] = []
  for (let version = 1; version <= count; version++) {
    const more = Array.from({ length: version }, (_, index) => field(`f${index}`, 'int', { default: 0 }))
    ids.push(
      await registry.register(
        subject,
        userSchema([id, ...more], { namespace: subject.replaceAll('-', '_') }),
      ),
    )
  }
  return ids
}

cacheTest(
  'many that ask at once are one call, and who asks later gets a value, no promise',
  async ({ proxy, client, direct }) => {
    const subject = uniqueName('flight')
    const schema = userSchema([id])
    const given = await direct.register(subject, schema)
    const registry = client()
    const found = await Promise.all(Array.from({ length: 1_000 }, async () => registry.schemaOf(given)))
    assert.ok(found.every(each => each === found[0]))
    assert.is(proxy.requests.length, 1)
    assert.is(registry.schemaOf(given), found[0])
    await Promise.all(Array.from({ length: 1_000 }, async () => registry.idOf(subject, schema)))
    assert.is(proxy.requests.length, 2)
    assert.is(registry.idOf(subject, schema), given)
    assert.is(registry.idOf(subject, { ...schema }), given)
    assert.is(proxy.requests.length, 2)
  },
)

cacheTest(
  'a preload fetches the newest versions, few at a time, and they cost nothing later',
  async ({ proxy, client, direct }) => {
    const subject = uniqueName('preload')
    const ids = await register(direct, subject, 8)
    const registry = client({ cache: { versions: 5 } })
    await Promise.all([registry.preload(subject), registry.preload(subject)])
    assert.is(proxy.requests.length, 6)
    assert.ok(proxy.connections <= 4)
    for (const known of ids.slice(3)) assert.is((registry.schemaOf(known) as RegisteredSchema).id, known)
    assert.instance(registry.schemaOf(ids[0] as number), Promise)
    await registry.schemaOf(ids[0] as number)
    // Again, as another start does: versions never change.
    const before = proxy.requests.length
    await registry.preload(subject)
    assert.is(proxy.requests.length - before, 1)
  },
)

cacheTest('what is remembered is bounded', async ({ proxy, client, direct }) => {
  const [one = 0, two = 0, three = 0] = await register(direct, uniqueName('bounded'), 3)
  const registry = client({ cache: { entries: 2, failures: 2 } })
  for (const each of [one, two, three]) await registry.schemaOf(each)
  await registry.schemaOf(three)
  assert.is(proxy.requests.length, 3)
  await registry.schemaOf(one)
  assert.is(proxy.requests.length, 4)
  for (const unknown of [9_000_001, 9_000_002, 9_000_003, 9_000_001]) {
    await rejects(() => registry.schemaOf(unknown), 'SCHEMA_UNKNOWN')
  }
  assert.is(proxy.requests.length, 8)
})

cacheTest(
  'an unknown id is asked for once in a while, and found when it is there',
  async ({ proxy, client, direct }) => {
    const registry = client({ cache: { failureMs: 200 } })
    let isHidden = true
    proxy.intercept(() => (isHidden ? { status: 404, pieces: ['{"error_code":40403}'] } : 'pass'))
    const given = await direct.register(uniqueName('late'), userSchema([id]))
    for (let record = 0; record < 100; record++)
      await rejects(() => registry.schemaOf(given), 'SCHEMA_UNKNOWN')
    assert.is(proxy.requests.length, 1)
    isHidden = false
    await eventually(async () => assert.is((await registry.schemaOf(given)).id, given))
    assert.is(proxy.requests.length, 2)
  },
)

cacheTest(
  'a schema that is missing is asked for once in a while, and at once after registering it',
  async ({ proxy, client }) => {
    const subject = uniqueName('missing')
    const registry = client({ cache: { failureMs: 60_000 } })
    const schema = userSchema([id])
    for (let record = 0; record < 100; record++)
      await rejects(() => registry.idOf(subject, schema), 'SCHEMA_UNKNOWN')
    assert.is(proxy.requests.length, 2)
    assert.not.ok(proxy.requests.some(({ method, path }) => method === 'POST' && path.endsWith('/versions')))
    const given = await registry.register(subject, schema)
    assert.is(await registry.idOf(subject, schema), given)
  },
)

cacheTest(
  'a registry that hangs costs one time limit, not one per id, and none for what is known',
  async ({ proxy, client, direct }) => {
    const subject = uniqueName('hangs')
    const [known = 0, unknown = 0] = await register(direct, subject, 2)
    const registry = client({ timeoutMs: 300, cache: { failureMs: 500 } })
    await registry.schemaOf(known)
    proxy.intercept(() => 'hang')
    const start = performance.now()
    await rejects(() => registry.schemaOf(unknown), 'REGISTRY_UNAVAILABLE')
    for (let other = 9_000_000; other < 9_000_100; other++) {
      await rejects(() => registry.schemaOf(other), 'REGISTRY_UNAVAILABLE')
      await rejects(() => registry.idOf(subject, userSchema([])), 'REGISTRY_UNAVAILABLE')
      assert.is((registry.schemaOf(known) as RegisteredSchema).id, known)
    }
    assert.is(proxy.requests.length, 2)
    assert.ok(performance.now() - start < 600)
    proxy.intercept(undefined)
    // What a start asks for is asked in any case; its answer ends the outage for all others.
    await registry.preload(subject)
    assert.is((registry.schemaOf(unknown) as RegisteredSchema).id, unknown)
  },
)

cacheTest('a failure of one question is none of the others', async ({ proxy, client, direct }) => {
  const [one = 0, two = 0] = await register(direct, uniqueName('one'), 2)
  const registry = client({ cache: { failureMs: 60_000 } })
  proxy.intercept(({ path }) => (path.endsWith(`/${one}`) ? { status: 500 } : 'pass'))
  await rejects(() => registry.schemaOf(one), 'REGISTRY_UNAVAILABLE', /status 500/)
  assert.is((await registry.schemaOf(two)).id, two)
})

cacheTest(
  'autoRegister registers what is missing, once, and nothing that is there in other words',
  async ({ proxy, client, direct }) => {
    const subject = uniqueName('auto')
    const registry = client({ autoRegister: true })
    const schema = userSchema([id])
    const ids = await Promise.all(Array.from({ length: 20 }, async () => registry.idOf(subject, schema)))
    assert.is(new Set(ids).size, 1)
    assert.is(
      proxy.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/versions')).length,
      1,
    )
    assert.is(await registry.idOf(subject, userSchema([id], { doc: 'Somebody.' })), ids[0])
    assert.equal(await direct.versions(subject), [1])
    await direct.setCompatibility('FULL', subject)
    const bad = userSchema([field('id', 'int')])
    await rejects(
      () => registry.idOf(subject, bad),
      'SCHEMA_INCOMPATIBLE',
      /may not follow the versions before it: ./,
    )
    assert.equal(await direct.versions(subject), [1])
  },
)

cacheTest('an equal schema is found behind references too', async ({ client, direct }) => {
  const [address, person] = [uniqueName('address'), uniqueName('person')]
  const addressText = { type: 'record', name: 'x.Address', fields: [field('city', 'string')] }
  const personText = (home: unknown) => ({ type: 'record', name: 'x.Person', fields: [field('home', home)] })
  await direct.register(address, avroSchema(addressText))
  const reference = { name: 'x.Address', subject: address, version: 1 }
  const given = await direct.register(person, avroSchema(personText('x.Address'), [reference]))
  // A contract's schema is complete in itself.
  assert.is(await client().idOf(person, avroSchema(personText(addressText))), given)
})

test('a start with many subjects does not run into the time limit of its own queue', async () => {
  let asked = 0
  let isHanging = false
  const server = createServer((_, response) => {
    asked++
    if (!isHanging) setTimeout(() => response.setHeader('content-type', 'application/json').end('[]'), 50)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    const subjects = Array.from({ length: 120 }, (_, index) => `subject-${index}`)
    const registry = confluentRegistry({ url, timeoutMs: 250 })
    await Promise.all(subjects.map(subject => registry.preload(subject)))
    assert.is(asked, 120)
    isHanging = true
    const start = performance.now()
    const ends = await Promise.allSettled(subjects.map(subject => registry.preload(subject)))
    assert.ok(ends.every(({ status }) => status === 'rejected'))
    assert.ok(performance.now() - start < 1_000, 'those that wait for their turn learn that nobody answers')
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test.run()
