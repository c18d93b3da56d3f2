import { json } from 'node:stream/consumers'
import type { Bus } from '@busbar/core'
import * as forExpress from '@busbar/core/express'
import * as forFastify from '@busbar/core/fastify'
import * as forKoa from '@busbar/core/koa'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'

/** Publishes what a request has as its body, and gives the id of its event. */
export type Accept = (bus: Bus, body: unknown) => Promise<string>

export interface WorkServer {
  readonly url: string
  close(): Promise<unknown>
}

type StartWorkServer = (bus: Bus, accept: Accept, closeTimeoutMs: number) => Promise<WorkServer>

const local = { host: '127.0.0.1', port: 0 }

const onExpress: StartWorkServer = (bus, accept, closeTimeoutMs) => {
  const app = express()
  app.use(forExpress.busbar(bus), express.json())
  app.post('/work', async (request, response) => {
    response.status(201).json({ id: await accept(request.bus, request.body) })
  })
  return forExpress.listen(bus, app, { ...local, closeTimeoutMs })
}

const onKoa: StartWorkServer = (bus, accept, closeTimeoutMs) => {
  const app = new Koa()
  app.use(forKoa.busbar(bus))
  app.use(async context => {
    const id = await accept(context.bus, await json(context.req))
    context.status = 201
    context.body = { id }
  })
  return forKoa.listen(bus, app.callback(), { ...local, closeTimeoutMs })
}

const onFastify: StartWorkServer = async (bus, accept, closeTimeoutMs) => {
  const app = fastify()
  await app.register(forFastify.busbar, { bus, closeTimeoutMs })
  app.post('/work', async (request, reply) =>
    reply.code(201).send({ id: await accept(app.bus, request.body) }),
  )
  return { url: await app.listen(local), close: () => app.close() }
}

/** A server of each framework, which takes `POST /work` and answers 201 with the id of the event. */
export const workServers = { express: onExpress, koa: onKoa, fastify: onFastify } as const
export type Framework = keyof typeof workServers
