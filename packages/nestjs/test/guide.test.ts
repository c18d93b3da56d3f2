import assert from 'node:assert/strict'
import type { Bus } from '@busbar/core'
import { testBus } from '@busbar/core/testing'
import { BUS } from '@busbar/nestjs'
import { Test } from '@nestjs/testing'
import { suite } from 'uvu'
import { AppModule, configured } from './guide/app.module.js'
import { Audited, GetUser, NotFound, OrderPlaced, UserCreated } from './guide/contracts.js'
import { Newsletter, Trail } from './guide/enhancers.js'
import { Mailer } from './guide/users.js'
import { Warehouse } from './guide/warehouse.js'

const test = suite('the programs of docs/nestjs.md')
const ada = { id: '1', email: 'ada@example.com' }

/** The application of the guide, on a test bus. */
async function startApp() {
  const t = testBus({ name: 'accounts' })
  const app = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(BUS)
    .useValue(t.bus())
    .compile()
  await app.init()
  return { t, app, bus: app.get<Bus>(BUS) }
}

test('handlers are called, requests are answered', async () => {
  const { t, app, bus } = await startApp()
  await t.track(() => bus.publish(UserCreated, ada, { headers: { tenant: 'north' } }))
  assert.deepEqual(app.get(Mailer).sent, ['ada@example.com'])
  assert.deepEqual(t.handled(UserCreated, { group: 'mailer' }), [ada])
  await app.close()
})

test('a guard lets its tenant in, a request-scoped handler knows its event, a request is answered', async () => {
  const { t, app, bus } = await startApp()
  await t.track(() => bus.publish(UserCreated, ada, { headers: { tenant: 'north' } }))
  assert.deepEqual(app.get(Newsletter).readers, ['ada@example.com'])
  assert.deepEqual(app.get(Trail).lines, ['user.created 1'])
  assert.deepEqual(await t.track(() => bus.request(GetUser, { id: '1' })), ada)
  await t.track(() => assert.rejects(bus.request(GetUser, { id: '2' }), NotFound))
  await app.close()
})

test('what the guard or the pipe refuses is a dead letter', async () => {
  const { t, app, bus } = await startApp()
  const tolerant = { tolerateFailures: true }
  const north = { headers: { tenant: 'north' } }
  await t.track(() => bus.publish(UserCreated, ada), tolerant)
  await t.track(() => bus.publish(UserCreated, { id: '1', email: 'none' }, north), tolerant)
  const letters = t.deadLetters('newsletter')
  assert.deepEqual(
    letters.map(({ code }) => code),
    ['HANDLER_FAILED', 'PAYLOAD_INVALID'],
  )
  await app.close()
})

test('events of a service on the Kafka module of Nest', async () => {
  const { t, app, bus } = await startApp()
  await t.track(() => bus.publish(OrderPlaced, { orderId: '7' }))
  await t.track(() => bus.publish(Audited, 'checked'))
  assert.deepEqual(app.get(Warehouse).log, ['packed 7', 'checked'])
  await app.close()
})

test('options with what the application provides', async () => {
  const app = await Test.createTestingModule({ imports: [configured] }).compile()
  assert.equal(app.get<Bus>(BUS).name, 'accounts')
  await app.close()
})

test.run()
