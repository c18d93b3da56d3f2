import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as ask, createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { createBus, silentLogger } from '@busbar/core'
import { busbar, healthEndpoints, listen } from '@busbar/core/http'
import { deadline, makeCertificates } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { headerOf } from '../support/failure-world.js'
import { type User, UserCreated } from './support/servers.js'

const test = suite('a server of node:https')

test('serves over TLS with the scope of its requests and the health of its bus, and ends in order', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-https-'))
  const { ca, keystore } = await makeCertificates(folder)
  const pem = await readFile(keystore)
  await rm(folder, { recursive: true })
  const [key, cert] = [pem, pem]
  const broker = memoryBroker()
  const bus = createBus({ name: 'accounts', transport: memoryTransport({ broker }), logger: silentLogger })
  const port = 0

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { id } = await bus.publish(UserCreated, (await json(request)) as User)
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ id }))
  }

  const inScope = busbar(bus)
  const health = healthEndpoints(bus)
  const server = createServer({ key, cert }, (request, response) => {
    inScope(request, response, () => health(request, response, () => void answer(request, response)))
  })
  const service = await listen(bus, server, { port })

  await deadline(10_000, 'the requests', async () => {
    assert.match(service.url, /^https:\/\/127\.0\.0\.1:\d+$/)
    const exchange = async (path: string, method: string, body?: string) => {
      const sending = ask(service.url + path, { ca, method, headers: { 'x-correlation-id': 'order-7' } })
      const answered = once(sending, 'response')
      sending.end(body)
      const [response] = (await answered) as [IncomingMessage]
      return { status: response.statusCode, body: await json(response) }
    }
    const ready = { state: 'running', status: 'green', problems: [] }
    assert.equal(await exchange('/health/ready', 'GET'), { status: 200, body: ready })
    assert.is((await exchange('/users', 'POST', '{"id":"1"}')).status, 201)
    const [record] = broker.records('users')
    assert.is(record && headerOf(record, 'ce_correlationid'), 'order-7')
    await service.close()
    assert.is(bus.state, 'closed')
    assert.is(server.listening, false)
  })
})

test.run()
