import { type Bus, type BusbarError, defineEvent, silentLogger } from '@busbar/core'
import { BUS, BusbarModule, InjectBus, OnEvent } from '@busbar/nestjs'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker, memoryTransport } from '@busbar/transport-memory'
import { Body, Controller, Injectable, Module, Post } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Test } from '@nestjs/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ada, application, type User, UserCreated } from './support/application.js'

const test = suite('the bus lives as long as the application')

test('options come from a factory, with what its modules provide', async () => {
  @Module({ providers: [{ provide: 'NAME', useValue: 'accounts' }], exports: ['NAME'] })
  class Settings {}
  const module = await Test.createTestingModule({
    imports: [
      BusbarModule.forRootAsync({
        imports: [Settings],
        inject: ['NAME'],
        useFactory: async (name: string) => ({ name, transport: memoryTransport(), logger: silentLogger }),
      }),
    ],
  }).compile()
  assert.is(module.get<Bus>(BUS).name, 'accounts')
  await module.init()
  await module.close()
})

test('middleware of the module is around publishes and handlers', async () => {
  const seen: string[] = []
  @Injectable()
  class Mailer {
    @OnEvent(UserCreated)
    welcome(): void {
      seen.push('handler')
    }
  }
  await using app = await application(
    { providers: [Mailer] },
    {
      use: [
        {
          name: 'noting',
          publish: (_context, next) => {
            seen.push('publish')
            return next()
          },
          event: (_context, next) => {
            seen.push('event')
            return next()
          },
        },
      ],
    },
  )
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.equal(seen, ['publish', 'event', 'handler']))
})

test('an application that could not start, or never did, leaves no bus open', async () => {
  const codeOfPublish = (bus: Bus) =>
    bus.publish(UserCreated, ada).catch((thrown: BusbarError) => thrown.code)
  const app = await application({}, { init: false })
  await deadline(2_000, 'the close', app.module.close())
  assert.is(await codeOfPublish(app.bus), 'BUS_CLOSED')
  const Missing = defineEvent<string>('missing')
  class Reader {
    @OnEvent(Missing)
    read(): void {}
  }
  const failing = await application({ providers: [Reader] }, { init: false, topics: { create: false } })
  await failing.module.init().then(
    () => assert.unreachable(),
    (thrown: BusbarError) => assert.is(thrown.code, 'TOPIC_MISSING'),
  )
  assert.is(await codeOfPublish(failing.bus), 'BUS_CLOSED')
})

test('on close, handlers finish, HTTP requests under way publish, and only then is the bus closed', async () => {
  const broker = memoryBroker({ partitions: 1 })
  const steps: string[] = []
  const [handlerMayEnd, requestMayEnd] = [deferred(), deferred()]
  @Controller('users')
  class Users {
    constructor(@InjectBus() private readonly bus: Bus) {}

    @Post()
    async create(@Body() user: User) {
      steps.push('request')
      await requestMayEnd.promise
      await this.bus.publish(UserCreated, user)
      return { ok: true }
    }

    @OnEvent(UserCreated)
    async created(): Promise<void> {
      steps.push('handler')
      await handlerMayEnd.promise
      steps.push('handler ended')
    }

    beforeApplicationShutdown(): void {
      steps.push('closing')
    }

    async onApplicationShutdown(): Promise<void> {
      await this.bus.publish(UserCreated, { ...ada, id: 'last' })
    }
  }
  @Module({
    imports: [
      BusbarModule.forRoot({
        name: 'accounts',
        transport: memoryTransport({ broker }),
        logger: silentLogger,
      }),
    ],
    controllers: [Users],
  })
  class App {}
  const app = await NestFactory.create(App, { logger: false })
  await app.listen(0, '127.0.0.1')
  const bus = app.get<Bus>(BUS)
  await bus.publish(UserCreated, ada)
  const answer = fetch(`${await app.getUrl()}/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...ada, id: '2' }),
  })
  await eventually(() => assert.equal(steps.toSorted(), ['handler', 'request']))
  let isClosed = false
  const closing = app.close().then(() => {
    isClosed = true
  })
  await eventually(() => assert.ok(steps.includes('closing')))
  handlerMayEnd.resolve()
  await eventually(() => assert.ok(steps.includes('handler ended')))
  await eventually(() => assert.is(broker.positions('accounts')[0]?.lag, 0))
  assert.not.ok(isClosed)
  requestMayEnd.resolve()
  assert.is((await answer).status, 201)
  await deadline(5_000, 'the close', closing)
  assert.equal(
    broker
      .records('user.created')
      .map(({ value }) => (JSON.parse(Buffer.from(value ?? []).toString()) as User).id),
    ['1', '2', 'last'],
  )
  assert.is(steps.filter(step => step === 'handler').length, 1, 'nothing is received while it closes')
  assert.is(await bus.publish(UserCreated, ada).catch((thrown: BusbarError) => thrown.code), 'BUS_CLOSED')
})

test('a handler that never ends holds the close up for no longer than asked', async () => {
  const { promise: forever } = deferred()
  let aborted = false
  let started = false
  class Slow {
    @OnEvent(UserCreated)
    async wait(_user: User, { signal }: { readonly signal: AbortSignal }): Promise<void> {
      started = true
      signal.addEventListener('abort', () => (aborted = true))
      await forever
    }
  }
  const app = await application({ providers: [Slow] }, { closeTimeoutMs: 20 })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.ok(started))
  await deadline(8_000, 'the close', app.module.close())
  assert.ok(aborted)
})

function deferred() {
  let resolve = () => {}
  const promise = new Promise<void>(onResolve => {
    resolve = onResolve
  })
  return { promise, resolve: () => resolve() }
}

test.run()
