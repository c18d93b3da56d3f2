import { BusbarError, defineEvent } from '@busbar/core'
import { BusbarModule, OnEvent, Replies } from '@busbar/nestjs'
import { memoryTransport } from '@busbar/transport-memory'
import {
  type CanActivate,
  createParamDecorator,
  Injectable,
  Module,
  SetMetadata,
  UseGuards,
} from '@nestjs/common'
import type { ExternalContextCreator } from '@nestjs/core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { constructorParts } from '../dist/nest-parts.js'
import { application, GetUser, type User, UserCreated } from './support/application.js'

const test = suite('what is wrong with a handler fails the start')

async function failureOf(work: Promise<unknown>): Promise<BusbarError> {
  const thrown = await work.then(
    () => assert.unreachable('the start went through'),
    (error: unknown) => error,
  )
  assert.instance(thrown, BusbarError)
  return thrown as BusbarError
}

test('a decorator with what is no event, or no request', async () => {
  class Mailer {
    @OnEvent(undefined as unknown as typeof UserCreated)
    welcome(_user: User): void {}
  }
  const noEvent = await failureOf(application({ providers: [Mailer] }))
  assert.is(noEvent.code, 'EVENT_UNKNOWN')
  assert.match(noEvent.message, /^Mailer\.welcome, @OnEvent: .*defineEvent/)
  class Users {
    @Replies(UserCreated as unknown as typeof GetUser)
    get() {
      return { name: '' }
    }
  }
  const noRequest = await failureOf(application({ controllers: [Users] }))
  assert.is(noRequest.code, 'EVENT_UNKNOWN')
  assert.match(noRequest.message, /^Users\.get, @Replies: .*defineRequest/)
})

test('two handlers of one event in a group, one of them without a name', async () => {
  class Mailer {
    @OnEvent(UserCreated)
    welcome(_user: User): void {}

    @OnEvent(UserCreated)
    invite(_user: User): void {}
  }
  const error = await failureOf(application({ providers: [Mailer] }))
  assert.is(error.code, 'CONFIG_INVALID')
  assert.match(error.message, /^Mailer\.invite, @OnEvent: group accounts .* \(option "name"\)/)
})

test('two handlers of one event in a group with names are fine', async () => {
  class Mailer {
    @OnEvent(UserCreated)
    welcome(_user: User): void {}

    @OnEvent(UserCreated, { name: 'invitations' })
    invite(_user: User): void {}
  }
  await using app = await application({ providers: [Mailer] })
  assert.ok(app.bus)
})

test('a static method, and a property that is no method', () => {
  assert.throws(
    () => {
      class Mailer {
        readonly sent = 0
        @OnEvent(UserCreated)
        static welcome(_user: User): void {}
      }
      return Mailer
    },
    (error: BusbarError) => error.code === 'CONFIG_INVALID' && /Mailer\.welcome/.test(error.message),
  )
  assert.throws(
    () => {
      class Mailer {
        @OnEvent(UserCreated)
        get welcome() {
          return (_user: User) => {}
        }
      }
      return Mailer
    },
    (error: BusbarError) => error.code === 'CONFIG_INVALID' && /Mailer\.welcome/.test(error.message),
  )
})

test('a handler on a guard, which is no provider', async () => {
  @Injectable()
  class Guard implements CanActivate {
    canActivate(): boolean {
      return true
    }

    @OnEvent(UserCreated)
    learn(_user: User): void {}
  }
  class Users {
    @Replies(GetUser)
    @UseGuards(Guard)
    get() {
      return { name: '' }
    }
  }
  const error = await failureOf(application({ providers: [Users] }))
  assert.match(error.message, /^Guard\.learn: @OnEvent is on a guard/)
  await using app = await application({ providers: [Users, Guard] })
  assert.ok(app.bus)
})

test('decorated parameters, which nobody would heed', async () => {
  const Payload = createParamDecorator(() => undefined)
  class Mailer {
    @OnEvent(UserCreated)
    welcome(@Payload() _user: User): void {}
  }
  const error = await failureOf(application({ providers: [Mailer] }))
  assert.match(error.message, /^Mailer\.welcome: its parameters have decorators/)
})

test('the module imported twice', async () => {
  @Module({ imports: [BusbarModule.forRoot({ name: 'other', transport: memoryTransport() })] })
  class Other {}
  const error = await failureOf(application({ imports: [Other] }))
  assert.match(error.message, /^BusbarModule is imported 2 times/)
})

test('a version of Nest that keeps what guards come from elsewhere', () => {
  assert.throws(
    () => constructorParts({} as ExternalContextCreator),
    (error: BusbarError) => error.code === 'CAPABILITY_MISSING' && /guardsContextCreator/.test(error.message),
  )
})

test('a wrong option, and a topic that cannot be had', async () => {
  assert.match((await failureOf(application({}, { name: '' }))).message, /createBus: the name/)
  const Missing = defineEvent<string>('missing')
  class Mailer {
    @OnEvent(Missing)
    @SetMetadata('x', 1)
    welcome(_text: string): void {}
  }
  const error = await failureOf(application({ providers: [Mailer] }, { topics: { create: false } }))
  assert.is(error.code, 'TOPIC_MISSING')
})

test.run()
