// What docs/decisions/schema-registry-client.md says of the usual client: node dist-test/programs/usual-client.js
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { confluentRegistry } from '@busbar/schema-registry'
import { httpProxy, startRegistry } from '@busbar/testkit'
import usual from '@kafkajs/confluent-schema-registry'

await using real = await startRegistry()
await using proxy = await httpProxy({ target: real.url })
const definition = { type: 'record', name: 'User', namespace: 'x', fields: [{ name: 'id', type: 'string' }] }
const schema = { type: usual.SchemaType.AVRO, schema: JSON.stringify(definition) } as const
const id = await confluentRegistry({ url: real.url }).register('user-value', { format: 'avro', definition })
const password = 'hunter2'
const client = () => new usual.SchemaRegistry({ host: proxy.url, auth: { username: 'ada', password } })

async function tell(what: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  const before = proxy.requests.length
  const result = await work().catch((error: Error & { status?: number }) => {
    return `${error.name} status ${error.status}: ${error.message}`
  })
  const ms = Math.round(performance.now() - start)
  console.log(
    `${what}: ${proxy.requests.length - before} calls, ${ms} ms: ${inspect(result, { breakLength: 200 })}`,
  )
}

async function times(count: number, work: () => Promise<unknown>): Promise<unknown> {
  let last: unknown
  for (let time = 0; time < count; time++) last = await work().catch((error: Error) => error.message)
  return last
}

const warm = client()
await tell('100 cold readers', () =>
  Promise.all(Array.from({ length: 100 }, () => warm.getSchema(id))).then(all => all.length),
)
await tell('id by schema, 100 times', () =>
  times(100, () => warm.getRegistryIdBySchema('user-value', schema)),
)
await tell('id of the latest, 100 times', () => times(100, () => warm.getLatestSchemaId('user-value')))
await tell('unknown id, 100 times', () => times(100, () => warm.getSchema(999_999)))
const other = { ...schema, schema: JSON.stringify({ ...definition, name: 'Other' }) }
await tell('register a new subject', () => client().register(other))
console.log(proxy.requests.slice(-3).map(({ method, path }) => `${method} ${path}`))
const documented = { ...schema, schema: JSON.stringify({ ...definition, doc: 'x' }) }
await tell('register where the level differs', () => client().register(documented, { subject: 'user-value' }))
const buffer = await warm.encode(id, { id: 'abc' })
await tell('decode 200,000', () => times(200_000, () => warm.decode(buffer)))

proxy.intercept(() => ({ status: 503 }))
await tell('503 for 20 ids', () =>
  Promise.all(Array.from({ length: 20 }, (_, index) => times(1, () => client().getSchema(50 + index)))),
)
proxy.intercept(() => ({ status: 200, headers: { 'content-type': 'text/html' }, pieces: ['<html>'] }))
await tell('a login page', () => client().getSchema(5))
proxy.intercept(() => ({ status: 302, headers: { location: 'http://127.0.0.1:1/' } }))
await tell('a redirect', () => client().getSchema(5))
proxy.intercept(() => ({ status: 401 }))
await tell('401', () => client().getSchema(5))
console.log(`password in inspect: ${inspect(client(), { depth: 9 }).includes(password)}`)
proxy.intercept(() => 'hang')
await tell('no answer', () => Promise.race([client().getSchema(5), sleep(20_000, 'nothing after 20 s')]))
await proxy.refuse()
await tell('refused', () => client().getSchema(5))
process.exit()
