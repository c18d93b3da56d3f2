import {
  type Bus,
  defineError,
  defineEvent,
  defineRequest,
  type EventContext,
  silentLogger,
} from '@busbar/core'
import { BUS, BusbarModule, OnEvent, plainText, Replies } from '@busbar/nestjs'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { type CanActivate, Controller, Injectable, UseGuards } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { firstValueFrom } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTopics, nestClient } from './support/nest-kafka.js'

const test = suite("NestJS's ClientKafka reaches handlers and repliers of Busbar, on Kafka")
const kafka = await kafkaForTests()

const Created = defineEvent<unknown>(uniqueName('created'), { foreign: true })
const Noted = defineEvent(uniqueName('noted'), { schema: plainText, foreign: true })
const NotFound = defineError<{ readonly id: number }>('NotFound')
const Get = defineRequest<{ readonly id: number }, unknown>(uniqueName('get'), { errors: { NotFound } })
const Shout = defineRequest(uniqueName('shout'), { request: plainText, reply: plainText })
const Add = defineRequest<number, number>(uniqueName('add'))
const Nothing = defineRequest<unknown, unknown>(uniqueName('nothing'))
const Guarded = defineRequest<unknown, unknown>(uniqueName('guarded'))

class Refusing implements CanActivate {
  canActivate(): boolean {
    return false
  }
}

interface Received {
  readonly payload: unknown
  readonly key: string | null
  readonly tenant: string | undefined
}

const received: Received[] = []
const noted: string[] = []

@Injectable()
class Events {
  @OnEvent(Created)
  created(payload: unknown, { key, headers }: EventContext): void {
    received.push({ payload, key, tenant: headers.get('tenant') })
  }

  @OnEvent(Noted)
  note(text: string): void {
    noted.push(text)
  }
}

@Controller()
class Repliers {
  @Replies(Get)
  get({ id }: { readonly id: number }) {
    if (id === 13) throw new NotFound({ id }, 'no user 13')
    if (id === 14) throw new Error('out of order')
    return { id, name: `user ${id}` }
  }

  @Replies(Shout)
  shout(text: string): string {
    return text.toUpperCase()
  }

  @Replies(Add)
  add(number: number): number {
    return number + 1
  }

  @Replies(Nothing)
  nothing(what: unknown): unknown {
    return what === 'null' ? null : undefined
  }

  @Replies(Guarded)
  @UseGuards(Refusing)
  guarded(): void {}
}

if (kafka !== undefined) {
  const { brokers } = kafka
  const requests = [Get, Shout, Add, Nothing, Guarded].map(({ name }) => name)
  await createTopics(brokers, [
    ...requests,
    ...requests.map(name => `${name}.reply`),
    Created.name,
    Noted.name,
  ])
  const module = await Test.createTestingModule({
    imports: [
      BusbarModule.forRoot({
        name: uniqueName('busbar'),
        transport: kafkaTransport({ brokers }),
        logger: silentLogger,
      }),
    ],
    providers: [Events],
    controllers: [Repliers],
  }).compile()
  await module.init()
  const bus = module.get<Bus>(BUS)
  const client = await nestClient(brokers, requests)

  const emit = (topic: string, data: unknown) => firstValueFrom(client.emit(topic, data))
  const send = (topic: string, data: unknown): Promise<unknown> =>
    deadline(15_000, `the reply to ${topic}`, firstValueFrom(client.send<unknown>(topic, data)))
  const failureOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      value => assert.unreachable(`it was answered with ${JSON.stringify(value)}`),
      (thrown: unknown) => thrown,
    )

  const payloads: [name: string, emitted: unknown, payload: unknown][] = [
    ['an object', { id: 1, tags: ['a'] }, { id: 1, tags: ['a'] }],
    ['a list', [1, 'two'], [1, 'two']],
    ['a number', 42, 42],
    ['a boolean', false, false],
  ]
  for (const [name, emitted, payload] of payloads) {
    test(`emit: ${name} reaches @OnEvent`, async () => {
      received.splice(0)
      await emit(Created.name, emitted)
      await eventually(
        () =>
          assert.equal(
            received.map(each => each.payload),
            [payload],
          ),
        { timeoutMs: 15_000 },
      )
    })
  }

  test('emit: a message with key and headers reaches @OnEvent with both', async () => {
    received.splice(0)
    await emit(Created.name, { key: 'ada', value: { id: 1 }, headers: { tenant: 'north' } })
    await eventually(() => assert.equal(received, [{ payload: { id: 1 }, key: 'ada', tenant: 'north' }]))
  })

  test('emit: a plain string reaches @OnEvent as it is', async () => {
    await emit(Noted.name, 'grüße, "world"')
    await eventually(() => assert.equal(noted, ['grüße, "world"']))
  })

  test('send: objects, strings and numbers are answered; a number arrives as text, as between Nest services', async () => {
    assert.equal(await send(Get.name, { id: 1 }), { id: 1, name: 'user 1' })
    assert.is(await send(Shout.name, 'hello'), 'HELLO')
    assert.is(await send(Add.name, 41), '42')
  })

  test('send: a reply of null, or of nothing, is null', async () => {
    assert.is(await send(Nothing.name, '"undefined"'), null)
    assert.is(await send(Nothing.name, '"null"'), null)
  })

  test('a message without a value is a tombstone: a dead letter, or an error reply', async () => {
    received.splice(0)
    await emit(Created.name, { key: 'ada', value: null })
    const letters = bus.deadLetters()
    await eventually(
      async () =>
        assert.equal(
          (await letters.list()).map(({ code }) => code),
          ['DECODE_FAILED'],
        ),
      { timeoutMs: 15_000 },
    )
    assert.equal(received, [])
    const failed = (await failureOf(send(Get.name, { value: null }))) as { message: string }
    assert.match(failed.message, 'no value')
  })

  test('send: an error, a declared one and a refusing guard are error replies', async () => {
    assert.equal(await failureOf(send(Get.name, { id: 14 })), { message: 'out of order', status: 'error' })
    assert.equal(await failureOf(send(Get.name, { id: 13 })), { message: 'no user 13', status: 'error' })
    const refused = (await failureOf(send(Guarded.name, {}))) as { message: string }
    assert.match(refused.message, 'a guard of Repliers.guarded refused')
  })

  test('send: what cannot be decoded is an error reply', async () => {
    const failed = (await failureOf(send(Get.name, 'no JSON'))) as { message: string; status: string }
    assert.match(failed.message, 'not valid JSON')
    assert.is(failed.status, 'error')
  })

  const answered = (id: number) => (id === 13 ? 'no user 13' : { id, name: `user ${id}` })
  const outcomeOf = (id: number) =>
    send(Get.name, { id }).catch((error: { readonly message: string }) => error.message)

  test('send: one after the other, each has its own reply, the error among them', async () => {
    for (let id = 1; id <= 16; id++) if (id !== 14) assert.equal(await outcomeOf(id), answered(id))
  })

  test('send: 64 at a time, each has its own reply, the error among them', async () => {
    const ids = Array.from({ length: 64 }, (_, n) => (n === 30 ? 13 : 100 + n))
    assert.equal(await Promise.all(ids.map(outcomeOf)), ids.map(answered))
  })

  test('emit: 64 at a time, each arrives', async () => {
    received.splice(0)
    const ids = Array.from({ length: 64 }, (_, n) => n)
    await Promise.all(ids.map(id => emit(Created.name, { id })))
    await eventually(() =>
      assert.equal(
        received.map(({ payload }) => (payload as { id: number }).id).sort((a, b) => a - b),
        ids,
      ),
    )
  })

  test.after(async () => {
    await client.close()
    await module.close()
  })
}

test.run()
