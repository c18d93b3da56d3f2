import { type Codec, defineEvent, defineRequest, type EventContext } from '@busbar/core'
import { OnEvent, Replies } from '@busbar/nestjs'
import { expectTypeOf } from 'expect-type'
import { of } from 'rxjs'
import { suite } from 'uvu'

const test = suite('types of the decorators')

/** A schema whose output has what its input may leave out. */
const schema = <In, Out>(): Codec<In, Out> => ({
  contentType: 'application/json',
  encode: value => Buffer.from(JSON.stringify(value)),
  decode: bytes => JSON.parse(Buffer.from(bytes).toString()) as Out,
})

const Placed = defineEvent('order.placed', {
  schema: schema<{ id: string; cents?: number }, { id: string; cents: number }>(),
})
const Reserve = defineRequest('stock.reserve', {
  request: schema<{ sku: string; count?: number }, { sku: string; count: number }>(),
  reply: schema<{ reservation: string; note?: string }, { reservation: string; note: string }>(),
})

test('a method takes the payload as handlers get it, or less, and its context', () => {
  class Fits {
    @OnEvent(Placed)
    all(order: { id: string; cents: number }, context: EventContext<{ id: string; cents: number }>) {
      expectTypeOf(context.payload).toEqualTypeOf<{ id: string; cents: number }>()
      return order.cents
    }

    @OnEvent(Placed, { group: 'less', name: 'less', concurrency: 3 })
    protected async less({ id }: { readonly id: string }): Promise<void> {
      await Promise.resolve(id)
    }

    @OnEvent(Placed)
    nothing(): void {}

    @OnEvent(Placed)
    unknown(order: unknown, context: EventContext): void {
      void [order, context]
    }
  }
  void Fits
})

test('a method that does not take the payload is a red line', () => {
  class Wrong {
    // @ts-expect-error: the payload has no number as its id
    @OnEvent(Placed)
    otherType(order: { id: number }): void {
      void order
    }

    // @ts-expect-error: the payload has no such field
    @OnEvent(Placed)
    otherField(order: { identity: string }): void {
      void order
    }

    // @ts-expect-error: the second parameter is the context of the event
    @OnEvent(Placed)
    otherContext(order: { id: string }, context: string): void {
      void [order, context]
    }

    // @ts-expect-error: nothing gives a third parameter
    @OnEvent(Placed)
    more(order: { id: string }, context: EventContext, more: string): void {
      void [order, context, more]
    }

    // @ts-expect-error: no such option
    @OnEvent(Placed, { grup: 'x' })
    option(): void {}
  }
  void Wrong
})

test('a method returns the reply, its promise or its Observable', () => {
  class Fits {
    @Replies(Reserve)
    value({ sku, count }: { sku: string; count: number }) {
      return { reservation: `${count} x ${sku}` }
    }

    @Replies(Reserve)
    async promise() {
      return { reservation: '', note: '' }
    }

    @Replies(Reserve)
    observable() {
      return of({ reservation: '' })
    }
  }
  void Fits
})

test('a method that returns something else is a red line', () => {
  class Wrong {
    // @ts-expect-error: no reply
    @Replies(Reserve)
    nothing(): void {}

    // @ts-expect-error: a reservation is text
    @Replies(Reserve)
    async otherType() {
      return { reservation: 7 }
    }

    // @ts-expect-error: a reservation is text
    @Replies(Reserve)
    otherObservable() {
      return of({ reservation: 7 })
    }

    // @ts-expect-error: the request has no such field
    @Replies(Reserve)
    otherPayload(request: { item: string }) {
      return { reservation: request.item }
    }

    // @ts-expect-error: an event is no request
    @Replies(Placed)
    event() {
      return { reservation: '' }
    }
  }
  void Wrong
})

test.run()
