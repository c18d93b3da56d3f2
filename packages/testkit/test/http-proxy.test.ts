import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { httpProxy } from '@busbar/testkit'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite<{ target: ReturnType<typeof createServer>; proxy: Awaited<ReturnType<typeof httpProxy>> }>(
  'httpProxy',
)

test.before.each(async context => {
  context.target = createServer((request, response) => response.end(`${request.method} ${request.url}`))
  context.target.listen(0, '127.0.0.1')
  await once(context.target, 'listening')
  const { port } = context.target.address() as AddressInfo
  context.proxy = await httpProxy({ target: `http://127.0.0.1:${port}/base` })
})
test.after.each(async ({ target, proxy }) => {
  await proxy.stop()
  target.close()
})

const get = (url: string): Promise<string> =>
  fetch(url, { headers: { connection: 'close' } }).then(answer => answer.text())

test('passes requests and tells them', async ({ proxy }) => {
  assert.is(await get(`${proxy.url}/a?b=c`), 'GET /base/a?b=c')
  assert.equal(proxy.requests, [{ method: 'GET', path: '/a?b=c', authorization: undefined }])
  assert.is(proxy.connections, 1)
})

test('cuts, swallows and answers in place of the target', async ({ proxy }) => {
  for (const verdict of ['cut', 'swallow'] as const) {
    proxy.intercept(() => verdict)
    assert.instance(await get(`${proxy.url}/a`).catch((error: unknown) => error), TypeError)
  }
  proxy.intercept(() => ({ status: 200, pieces: ['of its', ' own'] }))
  assert.is(await get(`${proxy.url}/a`), 'of its own')
  proxy.intercept(undefined)
  assert.is(await get(`${proxy.url}/a`), 'GET /base/a')
})

test('refuses connections until it accepts again', async ({ proxy }) => {
  await proxy.refuse()
  const refused = (await get(`${proxy.url}/a`).catch((error: unknown) => error)) as Error
  assert.is((refused.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED')
  await proxy.accept()
  assert.is(await get(`${proxy.url}/a`), 'GET /base/a')
})

test.run()
