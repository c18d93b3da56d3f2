import 'reflect-metadata'
import type { EventContext } from '@busbar/core'
import { handles, registerHandlers, replies } from '@busbar/core/tsyringe'
import { container, injectable } from 'tsyringe'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testBus } from '../support/bus.js'
import { ada, GetUser, grace, type User, UserCreated, UserGone } from './support/contracts.js'
import { service } from './support/service.js'

const test = suite('handlers on classes of tsyringe')

/** What the handlers of a test did. */
class Journal {
  readonly lines: string[] = []
}

test('methods handle events and answer requests, with what their classes are injected by type', async () => {
  @injectable()
  class Accounts {
    constructor(private readonly journal: Journal) {}

    @handles(UserCreated, { group: 'mailer' })
    async welcome(user: User, context: EventContext<User>): Promise<void> {
      this.journal.lines.push(`${context.group}: ${user.email} ${context.payload === user}`)
    }

    @replies(GetUser)
    async user({ id }: { id: string }): Promise<User> {
      return { id, email: ada.email }
    }
  }
  const journal = new Journal()
  await using s = service([Accounts], own => own.registerInstance(Journal, journal))
  await s.t.start()
  await s.t.track(() => s.bus.publish(UserCreated, ada))
  assert.equal(journal.lines, ['mailer: ada@example.com true'])
  assert.equal(await s.bus.request(GetUser, { id: '7' }), { id: '7', email: ada.email })
})

test('a method may have several decorators, and its name may be a symbol', async () => {
  const log = Symbol('log')
  const seen: string[] = []
  @injectable()
  class Audit {
    @handles(UserCreated)
    @handles(UserGone)
    [log](_user: User, context: EventContext): void {
      seen.push(context.event)
    }
  }
  await using s = service([Audit])
  await s.t.start()
  await s.t.track(() => s.bus.publish(UserCreated, ada))
  await s.t.track(() => s.bus.publish(UserGone, ada))
  assert.equal(seen, ['user.created', 'user.gone'])
})

test('inherited methods handle; one that overrides takes the place, and the decorators unless it has its own', async () => {
  const seen: string[] = []
  class Base {
    @handles(UserCreated, { group: 'inherited' })
    inherited(): void {
      seen.push(`inherited by ${this.constructor.name}`)
    }
    @handles(UserCreated, { group: 'overridden' })
    overridden(): void {
      seen.push('overridden in Base')
    }
    @handles(UserCreated, { group: 'redecorated' })
    redecorated(_user: User): void {
      seen.push('redecorated in Base')
    }
  }
  @injectable()
  class Derived extends Base {
    override overridden(): void {
      seen.push('overridden in Derived')
    }
    @handles(UserGone, { group: 'redecorated' })
    override redecorated(user: User): void {
      seen.push(`redecorated in Derived: ${user.id}`)
    }
  }
  await using s = service([Derived])
  await s.t.start()
  await s.t.track(() => s.bus.publish(UserCreated, ada))
  assert.equal(seen.sort(), ['inherited by Derived', 'overridden in Derived'])
  await s.t.track(() => s.bus.publish(UserGone, grace))
  assert.is(seen.at(-1), 'redecorated in Derived: 2')
})

test('a decorator that replaces the method is called, on either side of ours', async () => {
  const seen: string[] = []
  const noting =
    (note: string) =>
    (_target: object, _key: string, descriptor: PropertyDescriptor): PropertyDescriptor => {
      const method = descriptor.value as (...args: unknown[]) => unknown
      return {
        ...descriptor,
        value(this: unknown, ...args: unknown[]) {
          seen.push(note)
          return method.apply(this, args)
        },
      }
    }
  @injectable()
  class Mailer {
    @noting('outside')
    @handles(UserCreated)
    @noting('inside')
    welcome(user: User): void {
      seen.push(user.id)
    }
  }
  await using s = service([Mailer])
  await s.t.start()
  await s.t.track(() => s.bus.publish(UserCreated, ada))
  assert.equal(seen, ['outside', 'inside', '1'])
})

test('a class that the container knows by another token is given with it', async () => {
  const seen: string[] = []
  class Mailer {
    constructor(readonly from: string) {}
    @handles(UserCreated)
    welcome(user: User): void {
      seen.push(`${this.from} to ${user.email}`)
    }
  }
  await using s = service([{ token: 'Mailer', class: Mailer }], own =>
    own.register('Mailer', { useFactory: () => new Mailer('accounts') }),
  )
  await s.t.start()
  await s.t.track(() => s.bus.publish(UserCreated, ada))
  assert.equal(seen, ['accounts to ada@example.com'])
})

test('the subscriptions are returned, and can be closed before the bus', async () => {
  @injectable()
  class Mailer {
    @handles(UserCreated, { group: 'mailer', name: 'welcome' })
    welcome(): void {}
    @replies(GetUser)
    user(): User {
      return ada
    }
  }
  const { bus } = testBus()
  const subscriptions = registerHandlers(bus, container.createChildContainer(), [Mailer])
  assert.equal(
    subscriptions.map(({ name, group }) => [name, group]),
    [
      ['welcome', 'mailer'],
      ['service/user.get', 'service'],
    ],
  )
  await bus.start()
  await subscriptions[0]?.close()
  await bus.close()
})

test.run()
