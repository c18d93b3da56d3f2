import 'reflect-metadata'
import type { EventContext } from '@busbar/core'
import {
  deliveryContext,
  handles,
  type RegisteredHandlers,
  registerHandlers,
  replies,
} from '@busbar/core/tsyringe'
import {
  container,
  type DependencyContainer,
  inject,
  injectable,
  Lifecycle,
  scoped,
  singleton,
} from 'tsyringe'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rejects, throws } from '../support/assertions.js'
import { testBus } from '../support/bus.js'
import { GetUser, type User, UserCreated } from './support/contracts.js'
import { service } from './support/service.js'

const test = suite('what registerHandlers and the start refuse')

@injectable()
class Mailer {
  @handles(UserCreated)
  welcome(): void {}
}

/** What registering says of a list that is wrong. */
const refusalOf = (handlers: unknown) => {
  const { bus } = testBus()
  const own = container.createChildContainer()
  return throws(() => registerHandlers(bus, own, handlers as RegisteredHandlers[]), 'CONFIG_INVALID').message
}

/** What the start says of a class that can't be made. */
const startOf = async (
  handlers: RegisteredHandlers,
  prepare: (container: DependencyContainer) => unknown = () => {},
): Promise<string> => {
  const { bus } = testBus()
  const own = container.createChildContainer()
  registerHandlers(bus, own, [handlers])
  await prepare(own)
  const { message } = await rejects(bus.start(), 'CONFIG_INVALID')
  await bus.close()
  return message
}

test('a list without a class, with something else, with a class twice', () => {
  assert.is(refusalOf([]), 'registerHandlers: give at least one class')
  for (const wrong of ['Mailer', undefined, null, () => {}, new Mailer(), { token: 'Mailer' }]) {
    assert.is(
      refusalOf([Mailer, wrong]),
      'registerHandlers: number 2 is no class: give a class, or { token, class }',
    )
  }
  assert.is(
    refusalOf([{ class: Mailer }]),
    'registerHandlers: class Mailer comes without its token: give { token, class }, or the class alone',
  )
  assert.is(
    refusalOf([Mailer, { token: 'Mailer', class: Mailer }]),
    'registerHandlers: class Mailer is there twice, and would handle everything twice',
  )
})

test('a class without a handler', () => {
  class Plain {
    welcome(): void {}
  }
  assert.is(
    refusalOf([Mailer, Plain]),
    'registerHandlers: class Plain has no handler: decorate a method with @handles(event) or @replies(request)',
  )
})

test('what is no container', () => {
  const { bus } = testBus()
  const { message } = throws(() => registerHandlers(bus, {} as never, [Mailer]), 'CONFIG_INVALID')
  assert.is(message, 'registerHandlers: the second argument must be a tsyringe container')
})

test('a running bus', async () => {
  const { bus } = testBus()
  await bus.start()
  const own = container.createChildContainer()
  const { message } = throws(() => registerHandlers(bus, own, [Mailer]), 'CONFIG_INVALID')
  assert.is(message, 'registerHandlers: bus service has started already: call it before bus.start()')
  await bus.close()
})

test('what bus.subscribe refuses, with the name of the method', () => {
  class Twice {
    @handles(UserCreated, { group: 'mailer' })
    first(): void {}
    @handles(UserCreated, { group: 'mailer' })
    second(): void {}
  }
  assert.match(refusalOf([Twice]), /^Twice\.second: .*mailer/)
  class Nothing {
    @handles(undefined as unknown as typeof UserCreated)
    welcome(): void {}
  }
  const { bus } = testBus()
  const register = () => registerHandlers(bus, container.createChildContainer(), [Nothing])
  assert.match(throws(register, 'EVENT_UNKNOWN').message, /^Nothing\.welcome: /)
})

test('a decorator on what is no method of instances', () => {
  const onStatic = () => {
    class Static {
      @handles(UserCreated)
      static welcome(): void {}
      other(): void {}
    }
    return Static
  }
  assert.match(
    throws(onStatic, 'CONFIG_INVALID').message,
    /^@handles stands at welcome, which is no method of instances/,
  )
  const onGetter = () => {
    class Getter {
      // @ts-expect-error a getter is no handler
      @replies(GetUser)
      get user(): User {
        return { id: '', email: '' }
      }
    }
    return Getter
  }
  assert.match(throws(onGetter, 'CONFIG_INVALID').message, /^@replies stands at user, /)
})

test('the start: a dependency that is not registered', async () => {
  @injectable()
  class Accounts {
    constructor(
      readonly mailer: Mailer,
      @inject('Database') readonly database: unknown,
    ) {}
    @handles(UserCreated)
    create(): void {}
  }
  const message = await startOf(Accounts)
  assert.match(message, /^registerHandlers: class Accounts can't be resolved: /)
  assert.match(message, /"database" at position #1 of "Accounts" constructor/)
  assert.match(message, /: register Database in the container before bus\.start\(\)$/)
  assert.not.match(message, '\n')
})

test('the start: a token that is not registered', async () => {
  const message = await startOf({ token: 'Mailer', class: Mailer })
  assert.match(
    message,
    /^registerHandlers: class Mailer can't be resolved: .*: register Mailer in the container/,
  )
})

test('the start: a class that is not injectable, an interface, files that import each other', async () => {
  class Forgotten {
    constructor(readonly mailer: Mailer) {}
    @handles(UserCreated)
    create(): void {}
  }
  assert.match(await startOf(Forgotten), /: decorate Forgotten with @injectable\(\), and either compile with/)

  interface Smtp {
    send(): void
  }
  @injectable()
  class ByInterface {
    constructor(readonly smtp: Smtp) {}
    @handles(UserCreated)
    create(): void {}
  }
  assert.match(
    await startOf(ByInterface),
    /"smtp" at position #0.*is an interface, .* with @inject\(token\)$/,
  )

  @injectable()
  class Circular {
    constructor(@inject(undefined as never) readonly other: object) {}
    @handles(UserCreated)
    create(): void {}
  }
  assert.match(
    await startOf(Circular),
    /"other" at position #0.*@inject\(delay\(\(\) => Class\)\), and resolve a singleton behind it/,
  )
})

test('the start: a constructor that throws', async () => {
  @injectable()
  class Failing {
    constructor() {
      throw new Error('no configuration')
    }
    @handles(UserCreated)
    create(): void {}
  }
  assert.is(
    await startOf(Failing),
    "registerHandlers: class Failing can't be resolved: no configuration: make it possible to resolve the class when the bus starts",
  )
})

test('the start: something else under the token', async () => {
  const message = await startOf({ token: 'Mailer', class: Mailer }, own =>
    own.register('Mailer', { useValue: {} }),
  )
  assert.match(message, /^registerHandlers: what the container has for class Mailer has no method welcome: /)
})

test('the start: a container that is disposed', async () => {
  const message = await startOf(Mailer, own => own.dispose())
  assert.match(message, /class Mailer can't be resolved: the container is disposed: start the bus before/)
})

test('the start: a singleton that would keep the context of one delivery', async () => {
  @singleton()
  class Keeper {
    constructor(@inject(deliveryContext) readonly context: EventContext) {}
  }
  @injectable()
  class Audit {
    constructor(readonly keeper: Keeper) {}
    @handles(UserCreated)
    note(): void {}
  }
  assert.match(await startOf(Audit), /class Audit can't be resolved: a singleton takes deliveryContext/)
})

test('the start goes on where the context is read at once, by the class itself or by what it depends on', async () => {
  @scoped(Lifecycle.ContainerScoped)
  class Tenant {
    readonly name: string | undefined
    constructor(@inject(deliveryContext) context: EventContext) {
      this.name = context.headers.get('tenant')
    }
  }
  @injectable()
  class Audit {
    readonly id: string
    constructor(
      @inject(deliveryContext) context: EventContext,
      readonly tenant: Tenant,
    ) {
      this.id = context.id
    }
    @handles(UserCreated)
    note(): void {}
  }
  await using s = service([Audit])
  await s.t.start()
  assert.throws(
    () => s.container.resolve(Audit),
    /the context of a delivery was read where there is none: only what is made for a delivery can read it/,
  )
})

test('a start that failed can be tried again once the dependency is there', async () => {
  @injectable()
  class Accounts {
    constructor(@inject('Database') readonly database: unknown) {}
    @handles(UserCreated)
    create(): void {}
  }
  const { bus } = testBus()
  const own = container.createChildContainer()
  registerHandlers(bus, own, [Accounts])
  await rejects(bus.start(), 'CONFIG_INVALID')
  own.register('Database', { useValue: {} })
  await bus.start()
  await bus.close()
})

test.run()
