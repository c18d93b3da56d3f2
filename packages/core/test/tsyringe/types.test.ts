import 'reflect-metadata'
import {
  defineEvent,
  defineRequest,
  type EventContext,
  type RecordContext,
  type Subscription,
} from '@busbar/core'
import { handles, type RegisteredHandlers, registerHandlers, replies } from '@busbar/core/tsyringe'
import { expectTypeOf } from 'expect-type'
import { suite } from 'uvu'
import * as z from 'zod'

const test = suite('types of handlers on classes')

// What is in here is compiled and never called: the compiler is the test, and an unused @ts-expect-error fails it.
const Plain = defineEvent<{ id: string }>('plain')
const Zod = defineEvent('zod', {
  schema: z.object({ at: z.coerce.date(), role: z.string().default('guest') }),
})
const Get = defineRequest('get', {
  request: z.object({ id: z.string(), deep: z.boolean().default(false) }),
  reply: z.object({ name: z.string(), role: z.string().default('guest') }),
})

const compiled = () => {
  abstract class Right {
    @handles(Plain)
    nothing(): void {}
    @handles(Plain, { group: 'g', name: 'n', use: [] })
    async payload({ id }: { id: string }): Promise<number> {
      return id.length
    }
    @handles(Plain)
    context(_payload: { id: string }, context: EventContext<{ id: string }>): void {
      void context
    }
    @handles(Plain)
    widerContext(_payload: unknown, context: RecordContext): void {
      void context
    }
    @handles(Zod)
    decoded(payload: { at: Date; role: string }): void {
      void payload
    }
    @handles(Plain)
    protected inside(): void {}
    @replies(Get)
    reply({ deep }: { id: string; deep: boolean }): { name: string; role?: string } {
      return { name: String(deep) }
    }
    @replies(Get, { group: 'g' })
    async later(): Promise<{ name: string }> {
      return { name: 'Ada' }
    }
  }

  class Wrong {
    // @ts-expect-error the payload is another
    @handles(Plain)
    payload({ id }: { id: number }): void {
      void id
    }
    // @ts-expect-error what is decoded is a Date, not what was published
    @handles(Zod)
    encoded(payload: { at: string }): void {
      void payload
    }
    // @ts-expect-error the context is of another payload
    @handles(Plain)
    context(_payload: { id: string }, context: EventContext<{ id: number }>): void {
      void context
    }
    // @ts-expect-error a third argument is never given
    @handles(Plain)
    third(_payload: { id: string }, _context: EventContext, more: string): void {
      void more
    }
    // @ts-expect-error the reply is another
    @replies(Get)
    reply(): { name: number } {
      return { name: 7 }
    }
    // @ts-expect-error no reply
    @replies(Get)
    nothing(): void {}
    // @ts-expect-error the request is another
    @replies(Get)
    request({ id }: { id: number }): { name: string } {
      return { name: String(id) }
    }
    // @ts-expect-error an event has no reply
    @replies(Plain)
    event(): void {}
    // @ts-expect-error a request is no event
    @handles(Get)
    noEvent(): void {}
    // @ts-expect-error no such option
    @handles(Plain, { grup: 'g' })
    option(): void {}
    // @ts-expect-error a field is no method
    @handles(Plain)
    field = () => {}
  }

  // @ts-expect-error an abstract class can't be made
  const abstract: RegisteredHandlers = Right
  // @ts-expect-error no class
  const instance: RegisteredHandlers = new Wrong()
  expectTypeOf(registerHandlers).returns.toEqualTypeOf<readonly Subscription[]>()
  return [abstract, instance]
}

test('compiles', () => {
  expectTypeOf(compiled).returns.toBeArray()
})

test.run()
