import { type Bus, defineError, defineEvent, defineRequest, type EventContext, retry } from '@busbar/core'
import { InjectBus, OnEvent, Replies } from '@busbar/nestjs'
import { deadline, eventually } from '@busbar/testkit'
import { Controller, Inject, Injectable, Scope } from '@nestjs/common'
import { type ContextId, ContextIdFactory, type ContextIdStrategy, REQUEST } from '@nestjs/core'
import { of, throwError } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ada, application, GetUser, type User, UserCreated } from './support/application.js'

const test = suite('handlers of a Nest application')

test('methods of providers and of controllers handle events, with payload and context, on their own instance', async () => {
  @Injectable()
  class Greetings {
    readonly text = 'welcome'
  }
  const seen: string[] = []
  @Injectable()
  class Mailer {
    constructor(@Inject(Greetings) private readonly greetings: Greetings) {}

    @OnEvent(UserCreated, { group: 'mailer' })
    async welcome(user: User, context: EventContext<User>): Promise<void> {
      await Promise.resolve()
      seen.push(`${this.greetings.text} ${user.email}, by ${context.group} from ${context.source}`)
    }
  }
  @Controller()
  class Statistics {
    readonly users: string[] = []

    @OnEvent(UserCreated, { group: 'statistics' })
    count({ id }: User): void {
      this.users.push(id)
    }
  }
  await using app = await application({ providers: [Greetings, Mailer], controllers: [Statistics] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => {
    assert.equal(seen, ['welcome ada@example.com, by mailer from accounts'])
    assert.equal(app.module.get(Statistics).users, ['1'])
  })
  assert.equal(
    app.lines
      .filter(({ level }) => level === 'info')
      .map(({ message }) => message)
      .filter(each => each.includes('user.created')),
    [
      'Mailer.welcome handles user.created in group mailer',
      'Statistics.count handles user.created in group statistics',
    ],
  )
})

test('a method answers a request with its value, its promise, its Observable, or a declared error', async () => {
  const NotFound = defineError<{ readonly id: string }>('NotFound')
  const Find = defineRequest<string, string>('find', { errors: { NotFound } })
  const FindLater = defineRequest<string, string>('find.later')
  const FindNothing = defineRequest<string, undefined>('find.nothing')
  @Injectable()
  class Users {
    @Replies(Find)
    find(id: string): string {
      if (id === '0') throw new NotFound({ id })
      return `user ${id}`
    }

    @Replies(FindLater)
    findLater(id: string) {
      return of(`user ${id}`)
    }

    @Replies(FindNothing)
    async findNothing(): Promise<undefined> {}
  }
  await using app = await application({ providers: [Users] })
  assert.is(await app.bus.request(Find, '1'), 'user 1')
  assert.is(await app.bus.request(FindLater, '2'), 'user 2')
  assert.is(await app.bus.request(FindNothing, '3'), undefined)
  const error = await app.bus.request(Find, '0').then(
    () => assert.unreachable(),
    (thrown: unknown) => thrown,
  )
  assert.instance(error, NotFound)
  assert.equal(
    app.lines.filter(({ level }) => level === 'warn' || level === 'error'),
    [],
  )
})

test('a handler that throws is tried again, and an Observable that fails is a failure', async () => {
  const attempts: number[] = []
  @Injectable()
  class Mailer {
    @OnEvent(UserCreated, { use: [retry({ attempts: 2, delayMs: 1 })] })
    welcome(_user: User, context: EventContext<User>): void {
      attempts.push(context.attempt)
      throw new Error('no mail today')
    }

    @OnEvent(UserCreated, { name: 'later', use: [retry({ attempts: 2, delayMs: 1 })] })
    welcomeLater(_user: User, context: EventContext<User>) {
      attempts.push(context.attempt * 10)
      return throwError(() => new Error('no mail today'))
    }
  }
  await using app = await application({ providers: [Mailer] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.is(app.broker.records('user.created.accounts.dlq').length, 2))
  assert.equal(attempts.sort(), [1, 10, 2, 20])
})

test('several decorators on one method, a method of a base class, an alias and a factory are each one subscription', async () => {
  const Renamed = defineEvent<User>('user.renamed')
  const seen: string[] = []
  class Base {
    @OnEvent(UserCreated, { group: 'one' })
    @OnEvent(Renamed, { group: 'one' })
    changed(_user: User, { event }: EventContext<User>): void {
      seen.push(`${this.constructor.name} ${event}`)
    }
  }
  @Injectable()
  class Derived extends Base {}
  await using app = await application({
    providers: [
      Derived,
      { provide: 'alias', useExisting: Derived },
      { provide: 'same', useFactory: (derived: Derived) => derived, inject: [Derived] },
      { provide: 'nothing', useValue: null },
    ],
  })
  await app.bus.publish(UserCreated, ada)
  await app.bus.publish(Renamed, ada)
  await eventually(() => assert.equal(seen.sort(), ['Derived user.created', 'Derived user.renamed']))
})

test('an instance that a factory or a value provides has its handlers called', async () => {
  class Collector {
    readonly ids: string[] = []
    constructor(readonly group: string) {}

    @OnEvent(UserCreated)
    collect({ id }: User): void {
      this.ids.push(id)
    }
  }
  const collector = new Collector('value')
  await using app = await application({ providers: [{ provide: 'COLLECTOR', useValue: collector }] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.equal(collector.ids, ['1']))
})

test('a request-scoped provider or controller is made anew for each delivery, with the context of the event as REQUEST', async () => {
  const made: string[] = []
  @Injectable({ scope: Scope.REQUEST })
  class Audit {
    constructor(@Inject(REQUEST) readonly event: EventContext<User>) {}
  }
  @Injectable()
  class Mailer {
    #deliveries = 0
    constructor(@Inject(Audit) private readonly audit: Audit) {}

    @OnEvent(UserCreated, { group: 'mailer' })
    welcome(user: User, context: EventContext<User>): void {
      this.#deliveries += 1
      assert.is(this.audit.event, context)
      made.push(`mailer ${user.id} ${this.#deliveries}`)
    }
  }
  @Controller()
  class Statistics {
    #deliveries = 0
    constructor(@Inject(Audit) private readonly audit: Audit) {}

    @OnEvent(UserCreated, { group: 'statistics' })
    count(): void {
      this.#deliveries += 1
      made.push(`statistics ${this.audit.event.payload.id} ${this.#deliveries}`)
    }
  }
  await using app = await application({ providers: [Audit, Mailer], controllers: [Statistics] })
  await app.bus.publishBatch(UserCreated, [ada, { ...ada, id: '2' }])
  await eventually(() =>
    assert.equal(made.sort(), ['mailer 1 1', 'mailer 2 1', 'statistics 1 1', 'statistics 2 1']),
  )
})

test('a durable provider is shared by the deliveries of one tenant, with its payload as REQUEST', async () => {
  const tenants = new Map<string, ContextId>()
  const strategy: ContextIdStrategy = {
    attach: (contextId, request) => {
      const tenant = (request as unknown as EventContext).headers.get('tenant') ?? ''
      const parent = tenants.get(tenant) ?? ContextIdFactory.create()
      tenants.set(tenant, parent)
      return { resolve: info => (info.isTreeDurable ? parent : contextId), payload: { tenant } }
    },
  }
  ContextIdFactory.apply(strategy)
  const seen: string[] = []
  @Injectable({ scope: Scope.REQUEST, durable: true })
  class Counter {
    #deliveries = 0
    constructor(@Inject(REQUEST) private readonly request: { readonly tenant: string }) {}

    @OnEvent(UserCreated, { concurrency: 1 })
    count(): void {
      this.#deliveries += 1
      seen.push(`${this.request.tenant} ${this.#deliveries}`)
    }
  }
  try {
    await using app = await application({ providers: [Counter] })
    for (const tenant of ['north', 'north', 'south'])
      await app.bus.publish(UserCreated, ada, { headers: { tenant } })
    await eventually(() => assert.equal(seen, ['north 1', 'north 2', 'south 1']))
  } finally {
    ContextIdFactory.apply(undefined as never)
  }
})

test('the bus is injected into what publishes, also while the application starts', async () => {
  const seen: string[] = []
  @Injectable()
  class Users {
    constructor(@InjectBus() private readonly bus: Bus) {}

    async onApplicationBootstrap(): Promise<void> {
      await this.bus.publish(UserCreated, ada)
    }

    @OnEvent(UserCreated)
    created({ id }: User): void {
      seen.push(id)
    }
  }
  await using _app = await deadline(5_000, 'the start', application({ providers: [Users] }))
  await eventually(() => assert.equal(seen, ['1']))
})

test('a request is answered by the instance that Nest made', async () => {
  @Injectable()
  class Users {
    readonly #names = new Map([['1', 'Ada']])

    @Replies(GetUser, { group: 'users' })
    get({ id }: { readonly id: string }) {
      return { name: this.#names.get(id) ?? 'nobody' }
    }
  }
  await using app = await application({ providers: [Users] })
  assert.equal(await app.bus.request(GetUser, { id: '1' }), { name: 'Ada' })
})

test.run()
