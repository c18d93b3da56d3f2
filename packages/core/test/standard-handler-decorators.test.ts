import 'reflect-metadata'
import { defineEvent, defineRequest, type EventContext } from '@busbar/core'
import { testBus } from '@busbar/core/testing'
import { handles, registerHandlers, replies } from '@busbar/core/tsyringe'
import { container } from 'tsyringe'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { throws } from './support/assertions.js'

const test = suite('handlers by standard decorators')

interface User {
  readonly id: string
}
const UserCreated = defineEvent<User>('user.created')
const GetUser = defineRequest<User, User>('user.get')

class Mailer {
  readonly #seen: string[]
  constructor(seen: string[]) {
    this.#seen = seen
  }
  @handles(UserCreated, { group: 'mailer' })
  async welcome(user: User, context: EventContext<User>): Promise<void> {
    this.#seen.push(`${context.group} ${user.id}`)
  }
  @handles(UserCreated, { group: 'overridden' })
  overridden(): void {
    this.#seen.push('overridden in Mailer')
  }
  @replies(GetUser)
  user({ id }: User): User {
    return { id }
  }
  note(line: string): void {
    this.#seen.push(line)
  }
}

class LoudMailer extends Mailer {
  override overridden(): void {
    this.note('overridden in LoudMailer')
  }
}

test('work as the legacy ones, inherited and overridden as well', async () => {
  const seen: string[] = []
  await using t = testBus({ name: 'accounts' })
  const bus = t.bus()
  const own = container.createChildContainer()
  own.register(LoudMailer, { useFactory: () => new LoudMailer(seen) })
  registerHandlers(bus, own, [LoudMailer])
  await t.start()
  await t.track(() => bus.publish(UserCreated, { id: '1' }))
  assert.equal(seen.sort(), ['mailer 1', 'overridden in LoudMailer'])
  assert.equal(await bus.request(GetUser, { id: '2' }), { id: '2' })
})

test('refuse what is no method of instances', () => {
  const onStatic = () =>
    class {
      @handles(UserCreated)
      static welcome(): void {}
      other(): void {}
    }
  assert.match(throws(onStatic, 'CONFIG_INVALID').message, /^@handles stands at welcome, which is no method/)
  const onPrivate = () =>
    class {
      @handles(UserCreated)
      #welcome(): void {}
      welcome(): void {
        this.#welcome()
      }
    }
  assert.match(
    throws(onPrivate, 'CONFIG_INVALID').message,
    /^@handles stands at #welcome, which is no method/,
  )
})

test('refuse other types', () => {
  class Wrong {
    // @ts-expect-error the payload is another
    @handles(UserCreated)
    payload({ id }: { id: number }): void {
      void id
    }
    // @ts-expect-error the reply is another
    @replies(GetUser)
    reply(): { id: number } {
      return { id: 7 }
    }
    // @ts-expect-error an event has no reply
    @replies(UserCreated)
    event(): void {}
  }
  assert.is(typeof Wrong, 'function')
})

test.run()
