import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Bus, defineEvent } from '@busbar/core'
import * as forExpress from '@busbar/core/express'
import * as forFastify from '@busbar/core/fastify'
import * as forNode from '@busbar/core/http'
import * as forKoa from '@busbar/core/koa'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import fastify4 from 'fastify4'
import Koa from 'koa'
import Koa2 from 'koa2'

export interface User {
  readonly id: string
}
export const UserCreated = defineEvent<User>('user.created', { topic: 'users', key: user => user.id })

/** What metrics come from, where no registry of prom-client is needed. */
const metrics = { contentType: 'text/plain; version=0.0.4', metrics: async () => 'up 1\n' }

interface ServerOptions {
  readonly closeTimeoutMs?: number
  /** Called while a request is served, before it publishes. */
  readonly onRequest?: () => Promise<void>
}

/** A server that publishes a user for each `POST /users` with the user as JSON, and answers 201 with the event's id. */
interface TestServer {
  readonly url: string
  close(): Promise<unknown>
}

export type StartServer = (bus: Bus, options?: ServerOptions) => Promise<TestServer>

const local = { host: '127.0.0.1', port: 0 }

const onExpress =
  (make: typeof express): StartServer =>
  async (bus, { closeTimeoutMs = 10_000, onRequest } = {}) => {
    const app = make()
    // What fails here is meant to, and need not be printed.
    app.set('env', 'test')
    // Before the parser of bodies, which reads them in turns of its own.
    app.use(forExpress.busbar(bus))
    app.use(forExpress.healthEndpoints(bus), forExpress.metricsEndpoint(metrics))
    app.use(make.json())
    app.post('/users', async (request, response, next) => {
      try {
        await onRequest?.()
        const { id } = await request.bus.publish(UserCreated, request.body as User)
        response.status(201).json({ id })
      } catch (thrown) {
        next(thrown)
      }
    })
    return forExpress.listen(bus, app, { ...local, closeTimeoutMs })
  }

const onKoa =
  (make: typeof Koa): StartServer =>
  async (bus, { closeTimeoutMs = 10_000, onRequest } = {}) => {
    const app = new make()
    app.silent = true
    app.use(forKoa.busbar(bus))
    app.use(forKoa.healthEndpoints(bus))
    app.use(forKoa.metricsEndpoint(metrics))
    app.use(async context => {
      if (context.path !== '/users' || context.method !== 'POST') return
      const user = await bodyOf(context.req)
      await onRequest?.()
      const { id } = await context.bus.publish(UserCreated, user)
      context.status = 201
      context.body = { id }
    })
    return forKoa.listen(bus, app.callback(), { ...local, closeTimeoutMs })
  }

const onFastify =
  (make: typeof fastify): StartServer =>
  async (bus, { closeTimeoutMs = 10_000, onRequest } = {}) => {
    const app = make()
    await app.register(forFastify.busbar, { bus, closeTimeoutMs })
    await app.register(forFastify.healthEndpoints)
    await app.register(forFastify.metricsEndpoint, { source: metrics })
    app.post('/users', async (request, reply) => {
      await onRequest?.()
      const { id } = await app.bus.publish(UserCreated, request.body as User)
      return reply.code(201).send({ id })
    })
    const url = await app.listen(local)
    return { url, close: () => app.close() }
  }

const onNode: StartServer = async (bus, { closeTimeoutMs = 10_000, onRequest } = {}) => {
  const middleware = [forNode.busbar(bus), forNode.healthEndpoints(bus), forNode.metricsEndpoint(metrics)]
  const create = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'POST' || request.url !== '/users') return void response.writeHead(404).end()
    const user = await bodyOf(request)
    await onRequest?.()
    const { id } = await bus.publish(UserCreated, user)
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ id }))
  }
  const server = createServer((request, response) => {
    const run = (index: number): void => {
      const next = middleware[index]
      if (next) next(request, response, () => run(index + 1))
      else create(request, response).catch(thrown => response.writeHead(500).end(String(thrown)))
    }
    run(0)
  })
  return forNode.listen(bus, server, { ...local, closeTimeoutMs })
}

async function bodyOf(request: IncomingMessage): Promise<User> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return JSON.parse(text) as User
}

/** Each adapter with the present and the previous major version of its framework. */
export const servers: Readonly<Record<string, StartServer>> = {
  'Express 5': onExpress(express),
  'Express 4': onExpress(express4 as unknown as typeof express),
  'Koa 3': onKoa(Koa),
  'Koa 2': onKoa(Koa2 as unknown as typeof Koa),
  'Fastify 5': onFastify(fastify),
  'Fastify 4': onFastify(fastify4 as unknown as typeof fastify),
  'node:http': onNode,
}

export function post(
  url: string,
  user: User,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${url}/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(user),
  })
}
