import { type EventContext, retry } from '@busbar/core'
import { OnEvent, Replies } from '@busbar/nestjs'
import { eventually } from '@busbar/testkit'
import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  HttpException,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  type PipeTransform,
  Scope,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common'
import { APP_GUARD, REQUEST, Reflector } from '@nestjs/core'
import { map, of, throwError } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Application, ada, application, GetUser, type User, UserCreated } from './support/application.js'

const test = suite('guards, pipes, interceptors and filters of a handler')

class Refusing implements CanActivate {
  canActivate(): boolean {
    return false
  }
}

const header = (app: Application, name: string, topic = 'user.created.accounts.dlq') => {
  const [letter] = app.broker.records(topic)
  assert.ok(letter, `nothing in ${topic}`)
  return Buffer.from(letter.headers[name] as Uint8Array).toString()
}

test('what a guard refuses is a dead letter at once and never reaches the handler, on a provider and on a controller', async () => {
  const handled: string[] = []
  @Injectable()
  @UseGuards(Refusing)
  class Mailer {
    @OnEvent(UserCreated, { group: 'mailer' })
    welcome(): void {
      handled.push('mailer')
    }
  }
  @Controller()
  class Statistics {
    @OnEvent(UserCreated, { group: 'statistics' })
    @UseGuards(Refusing)
    count(): void {
      handled.push('statistics')
    }
  }
  await using app = await application({ providers: [Mailer], controllers: [Statistics] })
  await app.bus.publish(UserCreated, ada)
  for (const group of ['mailer', 'statistics']) {
    const topic = `user.created.${group}.dlq`
    await eventually(() => assert.is(app.broker.records(topic).length, 1))
    assert.is(header(app, 'busbar-attempts', topic), '1')
    assert.is(header(app, 'busbar-error-code', topic), 'HANDLER_FAILED')
  }
  assert.match(
    header(app, 'busbar-error-message', 'user.created.mailer.dlq'),
    /^a guard of Mailer\.welcome refused user\.created: Forbidden resource$/,
  )
  assert.equal(handled, [])
})

test('a request that a guard refuses is answered with the reason', async () => {
  @Injectable()
  class Users {
    @Replies(GetUser)
    @UseGuards(Refusing)
    get() {
      return { name: 'Ada' }
    }
  }
  await using app = await application({ providers: [Users] })
  const error = await app.bus.request(GetUser, { id: '1' }).catch((thrown: Error) => thrown)
  assert.match(
    (error as Error).message,
    'user.get failed in accounts with HANDLER_FAILED: a guard of Users.get refused user.get: Forbidden resource',
  )
})

test('a guard that fails, or asks to come again, is no refusal: the event is tried again', async () => {
  const failures: Error[] = [new Error('the session store is down'), new HttpException('slow down', 429)]
  let handled = 0
  @Injectable()
  class Throttle implements CanActivate {
    canActivate(): boolean {
      const failure = failures.shift()
      if (failure) throw failure
      return true
    }
  }
  @Injectable()
  class Mailer {
    @OnEvent(UserCreated)
    @UseGuards(Throttle)
    welcome(): void {
      handled += 1
    }
  }
  await using app = await application({ providers: [Mailer] }, { use: [retry({ attempts: 3, delayMs: 1 })] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.is(handled, 1))
})

test('an HttpException of the handler itself is tried again like any failure', async () => {
  let calls = 0
  @Injectable()
  class Mailer {
    @OnEvent(UserCreated)
    welcome(): void {
      calls += 1
      if (calls === 1) throw new BadRequestException('not yet')
    }
  }
  await using app = await application({ providers: [Mailer] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.is(calls, 2))
})

const Tenant = (name: string) => SetMetadata('tenant', name)

test('a guard knows the type, the data, the context, the class and the metadata of the handler', async () => {
  const seen: unknown[] = []
  @Injectable()
  class TenantGuard implements CanActivate {
    constructor(@Inject(Reflector) private readonly reflector: Reflector) {}

    canActivate(context: ExecutionContext): boolean {
      const tenant = this.reflector.getAllAndOverride<string>('tenant', [
        context.getHandler(),
        context.getClass(),
      ])
      const rpc = context.switchToRpc()
      seen.push([
        context.getType<string>(),
        rpc.getData<User>(),
        rpc.getContext<EventContext>().event,
        context.getClass().name,
        tenant,
      ])
      return true
    }
  }
  @Controller()
  class Mailer {
    @OnEvent(UserCreated)
    @UseGuards(TenantGuard)
    @Tenant('north')
    welcome(): void {}
  }
  await using app = await application({ controllers: [Mailer] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.equal(seen, [['busbar', ada, 'user.created', 'Mailer', 'north']]))
})

for (const first of ['its own', 'the other'] as const) {
  test(`an instance that two modules provide has the guards and filters of where its class is, ${first} before`, async () => {
    let asked = 0
    @Injectable()
    class Sessions {
      readonly open = false
    }
    @Injectable()
    class SessionGuard implements CanActivate {
      constructor(@Inject(Sessions) private readonly sessions: Sessions) {}

      canActivate(): boolean {
        asked += 1
        return this.sessions.open
      }
    }
    @Catch()
    class Noting implements ExceptionFilter {
      constructor(@Inject(Sessions) private readonly sessions: Sessions) {}

      catch(): undefined {
        if (!this.sessions.open) asked += 10
      }
    }
    @Injectable()
    @UseGuards(SessionGuard)
    @UseFilters(Noting)
    class Mailer {
      @OnEvent(UserCreated)
      welcome(): void {}
    }
    @Module({ providers: [Mailer, Sessions], exports: [Mailer] })
    class Own {}
    const alias = { provide: 'MAILER', useFactory: (mailer: Mailer) => mailer, inject: [Mailer] }
    @Module({ imports: [Own], providers: [alias] })
    class Other {}
    await using app = await application({ imports: first === 'its own' ? [Own, Other] : [Other, Own] })
    await app.bus.publish(UserCreated, ada)
    await eventually(() =>
      assert.match(header(app, 'busbar-error-message'), 'a guard of Mailer.welcome refused'),
    )
    assert.is(asked, 11)
  })
}

test('global guards run for handlers too', async () => {
  const types: string[] = []
  @Injectable()
  class Everywhere implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      types.push(context.getType<string>())
      return true
    }
  }
  @Injectable()
  class Mailer {
    @OnEvent(UserCreated)
    welcome(): void {}
  }
  await using app = await application({ providers: [Mailer, { provide: APP_GUARD, useClass: Everywhere }] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.equal(types, ['busbar']))
})

test('a pipe gets the payload with its class, and not the context; what it makes of it reaches the handler', async () => {
  class UserDto {
    readonly id: string = ''
    readonly email: string = ''
  }
  const piped: unknown[] = []
  const handled: unknown[] = []
  class Upper implements PipeTransform {
    transform(value: User, { metatype, type }: { metatype?: unknown; type: string }): User {
      piped.push([value, metatype, type])
      return { ...value, email: value.email.toUpperCase() }
    }
  }
  @Injectable()
  class Mailer {
    @OnEvent(UserCreated)
    @UsePipes(Upper)
    welcome(user: UserDto, context: EventContext<User>): void {
      handled.push(user, context.event)
    }
  }
  await using app = await application({ providers: [Mailer] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.equal(handled, [{ id: '1', email: 'ADA@EXAMPLE.COM' }, 'user.created']))
  assert.equal(piped, [[ada, UserDto, 'body']])
})

test('what a pipe refuses is an invalid payload: a dead letter at once, with all its reasons', async () => {
  class Strict implements PipeTransform {
    transform(): never {
      throw new BadRequestException(['email must be an email', 'id is too short'])
    }
  }
  @Injectable()
  class Mailer {
    @OnEvent(UserCreated)
    @UsePipes(Strict)
    welcome(): void {}
  }
  await using app = await application({ providers: [Mailer] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() => assert.is(header(app, 'busbar-attempts'), '1'))
  assert.is(header(app, 'busbar-error-code'), 'PAYLOAD_INVALID')
  assert.match(header(app, 'busbar-error-message'), 'email must be an email, id is too short')
})

test('an interceptor surrounds the handler, and changes its reply', async () => {
  class Loud implements NestInterceptor {
    intercept(_context: ExecutionContext, next: CallHandler<{ name: string }>) {
      return next.handle().pipe(map(({ name }) => ({ name: name.toUpperCase() })))
    }
  }
  @Injectable()
  @UseInterceptors(Loud)
  class Users {
    @Replies(GetUser)
    get() {
      return { name: 'Ada' }
    }
  }
  await using app = await application({ providers: [Users] })
  assert.equal(await app.bus.request(GetUser, { id: '1' }), { name: 'ADA' })
})

class NoSuchUser extends Error {}

test('a filter gives the reply, gives another error, or only looks on', async () => {
  const noted: string[] = []
  @Catch(NoSuchUser)
  class Answer implements ExceptionFilter<NoSuchUser> {
    catch(error: NoSuchUser, host: ArgumentsHost) {
      noted.push(host.getType<string>())
      if (error.message === 'answer') return of({ name: 'nobody' })
      if (error.message === 'rename') return throwError(() => new Error('no user'))
      return undefined
    }
  }
  @Controller()
  @UseFilters(Answer)
  class Users {
    @Replies(GetUser)
    get({ id }: { readonly id: string }): { name: string } {
      throw new NoSuchUser(id)
    }
  }
  await using app = await application({ controllers: [Users] })
  assert.equal(await app.bus.request(GetUser, { id: 'answer' }), { name: 'nobody' })
  const messageOf = async (id: string) =>
    app.bus.request(GetUser, { id }).then(
      () => 'no error',
      (thrown: Error) => thrown.message,
    )
  assert.match(await messageOf('rename'), /: no user$/)
  assert.match(await messageOf('look'), /: look$/)
  assert.equal(noted, ['busbar', 'busbar', 'busbar'])
})

test('an event whose failure a filter takes is handled', async () => {
  @Catch(NoSuchUser)
  class Forgive implements ExceptionFilter {
    catch() {
      return of('forgiven')
    }
  }
  let calls = 0
  @Injectable()
  class Mailer {
    @OnEvent(UserCreated)
    @UseFilters(new Forgive())
    welcome(): void {
      calls += 1
      throw new NoSuchUser()
    }
  }
  await using app = await application({ providers: [Mailer] })
  await app.bus.publish(UserCreated, ada)
  await eventually(() =>
    assert.is(
      app.broker.positions('accounts').reduce((lag, each) => lag + each.lag, 0),
      0,
    ),
  )
  assert.equal([calls, app.lines.filter(({ level }) => level === 'error')], [1, []])
})

test('a request-scoped guard is made for each delivery, with the event as its REQUEST', async () => {
  const seen: string[] = []
  @Injectable({ scope: Scope.REQUEST })
  class Tenants implements CanActivate {
    constructor(@Inject(REQUEST) private readonly event: EventContext<User>) {}

    canActivate(): boolean {
      seen.push(`guard ${this.event.payload.id}`)
      return this.event.payload.id !== '2'
    }
  }
  @Controller()
  class Mailer {
    @OnEvent(UserCreated)
    @UseGuards(Tenants)
    welcome({ id }: User): void {
      seen.push(`handled ${id}`)
    }
  }
  await using app = await application({ controllers: [Mailer] })
  await app.bus.publishBatch(UserCreated, [ada, { ...ada, id: '2' }])
  await eventually(() => assert.equal(seen.sort(), ['guard 1', 'guard 2', 'handled 1']))
  await eventually(() =>
    assert.match(header(app, 'busbar-error-message'), /^a guard of Mailer\.welcome refused/),
  )
})

test.run()
