import 'reflect-metadata'
import { setImmediate } from 'node:timers/promises'
import type { EventContext } from '@busbar/core'
import { deliveryContext, handles, registerHandlers, replies } from '@busbar/core/tsyringe'
import { deadline, eventually } from '@busbar/testkit'
import { memoryBroker } from '@busbar/transport-memory'
import { container, inject, injectable, Lifecycle, scoped, singleton } from 'tsyringe'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testBus } from '../support/bus.js'
import { ada, GetUser, grace, type User, UserCreated } from './support/contracts.js'
import { service } from './support/service.js'

const test = suite('the container of a delivery')

test('what is scoped to a container is one for each delivery, and what is a singleton is one for all', async () => {
  @singleton()
  class Pool {}
  @scoped(Lifecycle.ContainerScoped)
  class UnitOfWork {}
  @injectable()
  class Repository {
    constructor(
      readonly work: UnitOfWork,
      readonly pool: Pool,
    ) {}
  }
  const seen: { work: UnitOfWork; pool: Pool }[] = []
  @injectable()
  class Accounts {
    constructor(
      private readonly work: UnitOfWork,
      private readonly repository: Repository,
    ) {}
    @handles(UserCreated)
    create(): void {
      assert.is(this.repository.work, this.work, 'a delivery has one')
      seen.push({ work: this.work, pool: this.repository.pool })
    }
  }
  await using s = service([Accounts])
  await s.t.start()
  await s.t.track(() => s.bus.publishBatch(UserCreated, [ada, grace]))
  assert.is(new Set(seen.map(({ work }) => work)).size, 2)
  assert.is(new Set(seen.map(({ pool }) => pool)).size, 1)
})

test('the context of the delivery can be injected, also where it is read at once', async () => {
  @scoped(Lifecycle.ContainerScoped)
  class Tenant {
    readonly name: string | undefined
    constructor(@inject(deliveryContext) context: EventContext) {
      this.name = context.headers.get('tenant')
    }
  }
  const seen: string[] = []
  @injectable()
  class Mailer {
    constructor(
      private readonly tenant: Tenant,
      @inject(deliveryContext) private readonly context: EventContext<User>,
    ) {}
    @handles(UserCreated)
    welcome(user: User, context: EventContext<User>): void {
      assert.is(this.context, context)
      seen.push(`${this.tenant.name}: ${user.email}`)
    }
  }
  await using s = service([Mailer])
  await s.t.start()
  await s.t.track(async () => {
    await s.bus.publish(UserCreated, ada, { headers: { tenant: 'north' } })
    await s.bus.publish(UserCreated, grace, { headers: { tenant: 'south' } })
  })
  assert.equal(seen.sort(), ['north: ada@example.com', 'south: grace@example.com'])
})

test('each attempt has a container, disposed when its handler is done, whether it failed or not', async () => {
  const seen: string[] = []
  let made = 0
  @scoped(Lifecycle.ContainerScoped)
  class UnitOfWork {
    readonly number = made++
    async dispose(): Promise<void> {
      await setImmediate()
      seen.push(`disposed ${this.number}`)
    }
  }
  @injectable()
  class Accounts {
    constructor(private readonly work: UnitOfWork) {}
    @handles(UserCreated)
    async create(_user: User, { attempt }: EventContext): Promise<void> {
      seen.push(`began ${this.work.number}`)
      await Promise.resolve()
      if (attempt === 1) throw new Error('not yet')
      seen.push(`done ${this.work.number}`)
    }
  }
  await using s = service([Accounts])
  s.bus.onDelivery(({ outcome }) => seen.push(outcome))
  await s.t.start()
  assert.is(made, 1, 'the start makes one to see that it can be made')
  await s.t.track(() => s.bus.publish(UserCreated, ada), { advanceMs: 60_000 })
  assert.equal(seen, ['began 1', 'disposed 1', 'began 2', 'done 2', 'disposed 2', 'done'])
})

test('a disposal that fails is logged, and changes nothing of what the handler did', async () => {
  @scoped(Lifecycle.ContainerScoped)
  class UnitOfWork {
    dispose(): void {
      throw new Error('the connection is gone')
    }
  }
  @injectable()
  class Accounts {
    constructor(private readonly work: UnitOfWork) {}
    @handles(UserCreated)
    create(user: User): void {
      assert.ok(this.work)
      if (user === undefined || user.id === grace.id) throw new Error('no room')
    }
    @replies(GetUser)
    user(): User {
      return ada
    }
  }
  await using s = service([Accounts])
  await s.t.start()
  const disposals = () =>
    s.lines.filter(
      ({ level, message, fields }) =>
        level === 'error' &&
        message === 'the container of a delivery could not be disposed' &&
        (fields['err'] as Error).message === 'the connection is gone',
    ).length
  await s.t.track(() => s.bus.publish(UserCreated, ada))
  assert.equal(s.t.handled(UserCreated), [ada])
  assert.is(disposals(), 1)
  assert.equal(await s.bus.request(GetUser, { id: '1' }), ada)
  assert.is(disposals(), 2)
  await s.t.track(() => s.bus.publish(UserCreated, grace), { advanceMs: 600_000, tolerateFailures: true })
  assert.equal(
    s.t.deadLetters().map(({ message }) => message),
    ['no room'],
  )
})

test('a class that keeps the context is made twice at the start, and what was made to look is disposed', async () => {
  let made = 0
  let disposed = 0
  @injectable()
  class Audit {
    readonly number = made++
    constructor(@inject(deliveryContext) readonly context: EventContext) {}
    @handles(UserCreated)
    note(): void {}
    dispose(): void {
      disposed += 1
      throw new Error('nothing to dispose')
    }
  }
  await using s = service([Audit])
  await s.t.start()
  assert.equal([made, disposed], [2, 1])
  await s.t.track(() => s.bus.publish(UserCreated, ada))
  assert.equal([made, disposed], [3, 2])
})

test('a singleton lives on when the delivery that uses it ends, and is disposed with its container', async () => {
  const seen: string[] = []
  @singleton()
  class Pool {
    dispose(): void {
      seen.push('the pool is closed')
    }
  }
  @injectable()
  class Accounts {
    constructor(private readonly pool: Pool) {}
    @handles(UserCreated)
    create(): void {
      assert.ok(this.pool)
      seen.push('handled')
    }
  }
  await using s = service([Accounts])
  await s.t.start()
  await s.t.track(() => s.bus.publishBatch(UserCreated, [ada, grace]))
  assert.equal(seen, ['handled', 'handled'])
  await s.bus.close()
  await s.container.dispose()
  assert.equal(seen, ['handled', 'handled', 'the pool is closed'])
})

test('records that come when the container is disposed are handed back at the close, and no dead letters', async () => {
  const seen: string[] = []
  @injectable()
  class Mailer {
    @handles(UserCreated, { group: 'mailer' })
    welcome({ email }: User): void {
      seen.push(email)
    }
  }
  const broker = memoryBroker({ partitions: 1 })
  const first = testBus({ broker })
  // The one that goes is not the one that was given, but one that it looks into.
  const root = container.createChildContainer()
  registerHandlers(first.bus, root.createChildContainer(), [Mailer])
  await first.bus.start()
  await root.dispose()
  await first.bus.publishBatch(UserCreated, [ada, grace])
  const complaints = () =>
    first.lines.filter(({ level, message }) => level === 'error' && /is disposed/.test(message))
  await eventually(() => assert.ok(complaints().length > 0))
  await deadline(5_000, 'the close', first.bus.close())
  assert.is(complaints().length, 1, 'it is said once')
  assert.equal(seen, [])

  const second = testBus({ broker })
  registerHandlers(second.bus, container.createChildContainer(), [Mailer])
  await second.bus.start()
  await eventually(() => assert.is(seen.length, 2))
  await second.bus.close()
  assert.equal(seen, [ada.email, grace.email])
  assert.equal(
    broker.topics().filter(topic => topic.endsWith('.dlq') && broker.records(topic).length > 0),
    [],
  )
})

test.run()
