import {
  type BatchItem,
  type Bus,
  type BusOptions,
  defineError,
  defineEvent,
  defineRequest,
  type EventContext,
  type EventInput,
  type EventPayload,
  type Logger,
  type Middleware,
  type PublishContext,
  type RequestOutcome,
} from '@busbar/core'
import { type } from 'arktype'
import { expectTypeOf } from 'expect-type'
import { pino } from 'pino'
import type { Observable } from 'rxjs'
import { suite } from 'uvu'
import * as v from 'valibot'
import * as z from 'zod'

const test = suite('types')

// What is in here is compiled and never called: the compiler is the test, and an unused @ts-expect-error fails it.
type User = { id: string; name: string }

const Plain = defineEvent<User>('plain', {
  key: user => {
    expectTypeOf(user).toEqualTypeOf<User>()
    return user.id
  },
})
const Zod = defineEvent('zod', {
  schema: z.object({ id: z.string(), role: z.string().default('guest'), at: z.coerce.date() }),
  key: user => {
    expectTypeOf(user.role).toEqualTypeOf<string | undefined>()
    return user.id
  },
})
const Valibot = defineEvent('valibot', {
  schema: v.object({ id: v.string(), role: v.optional(v.string(), 'guest') }),
  key: user => {
    expectTypeOf(user).toEqualTypeOf<{ id: string; role?: string | undefined }>()
    return user.id
  },
})
const Ark = defineEvent('ark', {
  schema: type({ id: 'string', role: 'string = "guest"' }),
  key: user => {
    expectTypeOf(user).toEqualTypeOf<{ id: string; role?: string }>()
    return user.id
  },
})
const Untyped = defineEvent('untyped')

const NotFound = defineError('NotFound', { data: z.object({ id: z.string(), hint: z.string().default('') }) })
const GetUser = defineRequest('get', {
  request: z.object({ id: z.string(), deep: z.boolean().default(false) }),
  reply: z.object({ name: z.string(), role: z.string().default('guest') }),
  key: ({ id }) => id,
  errors: { NotFound },
})
const PlainRequest = defineRequest<{ id: string }, User>('plain.get')

const compiled = (bus: Bus) => {
  expectTypeOf<EventPayload<typeof Plain>>().toEqualTypeOf<User>()
  expectTypeOf<EventInput<typeof Plain>>().toEqualTypeOf<User>()
  expectTypeOf<EventPayload<typeof Zod>>().toEqualTypeOf<{ id: string; role: string; at: Date }>()
  expectTypeOf<EventInput<typeof Zod>['role']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<EventPayload<typeof Valibot>>().toEqualTypeOf<{ id: string; role: string }>()
  expectTypeOf<EventInput<typeof Valibot>>().toEqualTypeOf<{ id: string; role?: string | undefined }>()
  expectTypeOf<EventPayload<typeof Ark>>().toEqualTypeOf<{ id: string; role: string }>()
  expectTypeOf<EventInput<typeof Ark>>().toEqualTypeOf<{ id: string; role?: string }>()
  expectTypeOf<EventPayload<typeof Untyped>>().toEqualTypeOf<unknown>()

  bus.subscribe(Plain, (user, context) => {
    expectTypeOf(user).toEqualTypeOf<User>()
    expectTypeOf(user).not.toBeAny()
    expectTypeOf(context).toEqualTypeOf<EventContext<User>>()
    expectTypeOf(context.payload).toEqualTypeOf<User>()
    // @ts-expect-error no such field
    void user.email
  })
  bus.subscribe(Zod, { group: 'g', use: [async (_, next) => next()] }, user => {
    expectTypeOf(user).toEqualTypeOf<{ id: string; role: string; at: Date }>()
  })
  bus.subscribe(Valibot, user => expectTypeOf(user).toEqualTypeOf<{ id: string; role: string }>())
  bus.subscribe(Ark, user => expectTypeOf(user).toEqualTypeOf<{ id: string; role: string }>())
  bus.subscribe(Untyped, payload => {
    expectTypeOf(payload).toBeUnknown()
    expectTypeOf(payload).not.toBeAny()
  })
  // @ts-expect-error a request is no event
  bus.subscribe(GetUser, () => {})
  // @ts-expect-error the handler's payload is another
  bus.subscribe(Plain, ({ id }: { id: number }) => void id)
  // @ts-expect-error no such option
  bus.subscribe(Plain, { grup: 'g' }, () => {})
  // @ts-expect-error true is no group
  bus.subscribe(Plain, { group: true }, () => {})

  bus.subscribeBatch(Zod, { maxSize: 10 }, items => {
    expectTypeOf(items).toEqualTypeOf<readonly BatchItem<{ id: string; role: string; at: Date }>[]>()
    for (const { payload, context } of items) {
      expectTypeOf(payload.role).toEqualTypeOf<string>()
      expectTypeOf(context.payload).toEqualTypeOf(payload)
    }
  })

  void bus.publish(Plain, { id: '1', name: 'Ada' })
  void bus.publish(Zod, { id: '1', at: '2026-01-01' })
  void bus.publish(Valibot, { id: '1' })
  void bus.publish(Ark, { id: '1' })
  void bus.publishBatch(Ark, [{ id: '1' }, { id: '2', role: 'admin' }])
  // @ts-expect-error a field is missing
  void bus.publish(Plain, { id: '1' })
  // @ts-expect-error a field is wrong
  void bus.publish(Zod, { id: 1, at: 1 })
  // @ts-expect-error a field too many
  void bus.publish(Plain, { id: '1', name: 'Ada', email: 'x' })
  // @ts-expect-error an id for many
  void bus.publishBatch(Ark, [{ id: '1' }], { id: 'x' })
  // @ts-expect-error a request is no event
  void bus.publish(GetUser, { id: '1' })

  bus.reply(GetUser, (request, context) => {
    expectTypeOf(request).toEqualTypeOf<{ id: string; deep: boolean }>()
    expectTypeOf(context.payload).toEqualTypeOf(request)
    return { name: 'Ada' }
  })
  bus.reply(PlainRequest, async ({ id }) => ({ id, name: 'Ada' }))
  // @ts-expect-error a wrong reply
  bus.reply(GetUser, () => ({ name: 7 }))
  // @ts-expect-error no reply
  bus.reply(PlainRequest, async ({ id }) => ({ id }))
  // @ts-expect-error nothing
  bus.reply(PlainRequest, () => {})

  const reply = bus.request(GetUser, { id: '1' }, { timeoutMs: 5 })
  expectTypeOf(reply).toEqualTypeOf<Promise<{ name: string; role: string }>>()
  expectTypeOf(bus.request(PlainRequest, { id: '1' })).toEqualTypeOf<Promise<User>>()
  const many = bus.requestMany(GetUser, { id: '1' }, { count: 2 })
  expectTypeOf(many).toEqualTypeOf<Observable<RequestOutcome<{ name: string; role: string }>>>()
  // @ts-expect-error a wrong request
  void bus.request(GetUser, { id: 1 })
  // @ts-expect-error an event is no request
  void bus.request(Plain, { id: '1', name: 'x' })

  const error = new NotFound({ id: '1' })
  expectTypeOf(error.data).toEqualTypeOf<{ id: string; hint: string }>()
  expectTypeOf(error.code).not.toBeAny()
  // @ts-expect-error wrong data
  void new NotFound({ id: 1 })
  const caught: unknown = error
  if (caught instanceof NotFound) expectTypeOf(caught.data.id).toEqualTypeOf<string>()
  expectTypeOf(new (defineError<{ n: number }>('Plain'))({ n: 1 }).data).toEqualTypeOf<{ n: number }>()

  expectTypeOf(pino()).toExtend<Logger>()
  expectTypeOf<{
    name: string
    transport: BusOptions['transport']
    logger: ReturnType<typeof pino>
  }>().toExtend<BusOptions>()

  const tracing: Middleware = {
    name: 'tracing',
    publish: async (context, next) => {
      expectTypeOf(context).toEqualTypeOf<PublishContext>()
      expectTypeOf(context.payload).toBeUnknown()
      await next()
    },
    event: async (context, next) => {
      expectTypeOf(context.payload).toBeUnknown()
      await next()
    },
  }
  bus.use(tracing, async ({ logger }, next) => {
    expectTypeOf(logger).toEqualTypeOf<Logger>()
    await next()
  })
  // @ts-expect-error no middleware
  bus.use(7)
  const changing = (context: EventContext): void => {
    // @ts-expect-error a payload is read-only, so that what is handled is what was decoded
    context.payload = 1
  }
  bus.subscribe(Plain, { use: [changing] }, () => {})
}

test('compiles', () => {
  expectTypeOf(compiled).parameter(0).toEqualTypeOf<Bus>()
})

test.run()
