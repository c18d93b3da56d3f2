import { type Bus, createBus, silentLogger } from '@busbar/core'
import * as forExpress from '@busbar/core/express'
import * as forFastify from '@busbar/core/fastify'
import * as forKoa from '@busbar/core/koa'
import { memoryTransport } from '@busbar/transport-memory'
import { expectTypeOf } from 'expect-type'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import Koa from 'koa'
import Koa2 from 'koa2'
import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('types of the HTTP adapters')

test('the bus of a request is a bus and nothing looser', () => {
  express().get('/', request => expectTypeOf(request.bus).toEqualTypeOf<Bus>())
  new Koa().use(context => expectTypeOf(context.bus).toEqualTypeOf<Bus>())
  expectTypeOf(fastify().bus).toEqualTypeOf<Bus>()
  assert.ok(true)
})

test('each version of a framework takes its adapter as it is', async () => {
  const bus = createBus({ name: 'service', transport: memoryTransport(), logger: silentLogger })
  const register = new Registry()
  express().use(forExpress.busbar(bus), forExpress.healthEndpoints(bus), forExpress.metricsEndpoint(register))
  express4().use(
    forExpress.busbar(bus),
    forExpress.healthEndpoints(bus),
    forExpress.metricsEndpoint(register),
  )
  new Koa().use(forKoa.busbar(bus)).use(forKoa.healthEndpoints(bus)).use(forKoa.metricsEndpoint(register))
  new Koa2().use(forKoa.busbar(bus)).use(forKoa.healthEndpoints(bus)).use(forKoa.metricsEndpoint(register))
  // Fastify's own types are those of whichever version is installed.
  const present = fastify()
  void present.register(forFastify.busbar, { bus }).register(forFastify.healthEndpoints)
  void present.register(forFastify.metricsEndpoint, { source: register })
  // @ts-expect-error a bus is needed
  const missing = () => present.register(forFastify.busbar, {})
  assert.type(missing, 'function')
  // @ts-expect-error no bus
  const wrong = () => forExpress.busbar({})
  assert.type(wrong, 'function')
  assert.ok(true)
})

test.run()
