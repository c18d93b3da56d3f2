import { BusbarError, createBus, defineEvent, defineRequest, silentLogger } from '@busbar/core'
import { plainText } from '@busbar/nestjs'
import { deadline, eventually, kafkaForTests, uniqueName } from '@busbar/testkit'
import { kafkaTransport } from '@busbar/transport-kafka'
import { Controller } from '@nestjs/common'
import {
  Ctx,
  EventPattern,
  type KafkaContext,
  MessagePattern,
  Payload,
  RpcException,
} from '@nestjs/microservices'
import { of } from 'rxjs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTopics, nestService } from './support/nest-kafka.js'

const test = suite("Busbar's publish and request reach a NestJS service, on Kafka")
const kafka = await kafkaForTests()

interface Id {
  readonly id: number
}

const Created = defineEvent<unknown>(uniqueName('created'), { key: () => 'ada' })
const Noted = defineEvent(uniqueName('noted'), { schema: plainText })
const Get = defineRequest<Id, unknown>(uniqueName('get'))
const Shout = defineRequest(uniqueName('shout'), { request: plainText, reply: plainText })
const Add = defineRequest<number, number>(uniqueName('add'))
const Nothing = defineRequest<string, unknown>(uniqueName('nothing'))
const Fail = defineRequest<{ readonly how: string }, unknown>(uniqueName('fail'))
const Later = defineRequest<string, unknown>(uniqueName('later'))

const received: {
  readonly payload: unknown
  readonly type: unknown
  readonly key: unknown
  readonly tenant: unknown
}[] = []

@Controller()
class Service {
  @EventPattern<string>(Created.name)
  created(@Payload() payload: unknown, @Ctx() context: KafkaContext): void {
    const { headers = {}, key } = context.getMessage()
    received.push({ payload, type: headers['ce_type'], key, tenant: headers['tenant'] })
  }

  @EventPattern<string>(Noted.name)
  noted(@Payload() text: unknown, @Ctx() context: KafkaContext): void {
    this.created(text, context)
  }

  @MessagePattern(Get.name)
  get(@Payload() { id }: Id) {
    if (id === 13) throw new RpcException('no user 13')
    return { id, name: `user ${id}` }
  }

  @MessagePattern(Shout.name)
  shout(@Payload() text: string): string {
    return text.toUpperCase()
  }

  @MessagePattern(Add.name)
  add(@Payload() text: string): number {
    return Number(text) + 1
  }

  @MessagePattern(Nothing.name)
  nothing(@Payload() how: string) {
    return how === '"null"' ? null : undefined
  }

  @MessagePattern(Fail.name)
  fail(@Payload() { how }: { readonly how: string }) {
    if (how === 'text') throw new RpcException('out of stock')
    if (how === 'message') throw new RpcException({ code: 409, message: 'out of stock' })
    if (how === 'object') throw new RpcException({ code: 409 })
    throw new Error('a secret of the service')
  }

  @MessagePattern(Later.name)
  later() {
    return of({ number: 1 }, { number: 2 })
  }
}

if (kafka !== undefined) {
  const { brokers } = kafka
  const contracts = [Created, Noted, Get, Shout, Add, Nothing, Fail, Later]
  await createTopics(
    brokers,
    contracts.map(({ name }) => name),
  )
  const service = await nestService(brokers, [Service])
  const bus = createBus({
    name: uniqueName('busbar'),
    transport: kafkaTransport({ brokers }),
    logger: silentLogger,
    requests: { timeoutMs: 20_000 },
  })
  await bus.start()

  const failureOf = async (work: Promise<unknown>): Promise<BusbarError> => {
    const thrown = await deadline(
      25_000,
      'the error',
      work.then(
        value => assert.unreachable(`it was answered with ${JSON.stringify(value)}`),
        (error: unknown) => error,
      ),
    )
    assert.instance(thrown, BusbarError)
    return thrown as BusbarError
  }

  const payloads: [name: string, published: unknown, payload: unknown][] = [
    ['an object', { id: 1, tags: ['a'] }, { id: 1, tags: ['a'] }],
    ['a list', [1, 'two'], [1, 'two']],
    ['a number, as text, as Nest itself has it', 42, '42'],
    ['null, as text', null, 'null'],
    ['nothing, as empty text', undefined, ''],
  ]
  for (const [name, published, payload] of payloads) {
    test(`publish: ${name} reaches @EventPattern`, async () => {
      received.splice(0)
      await bus.publish(Created, published, { headers: { tenant: 'north' } })
      await eventually(
        () => assert.equal(received, [{ payload, type: Created.name, key: 'ada', tenant: 'north' }]),
        { timeoutMs: 20_000 },
      )
    })
  }

  test('publish: plain text reaches @EventPattern as it is', async () => {
    received.splice(0)
    await bus.publish(Noted, 'grüße, "world"')
    await eventually(() =>
      assert.equal(
        received.map(({ payload }) => payload),
        ['grüße, "world"'],
      ),
    )
  })

  test('request: objects, strings and numbers are answered by @MessagePattern', async () => {
    assert.equal(await bus.request(Get, { id: 1 }), { id: 1, name: 'user 1' })
    assert.is(await bus.request(Shout, 'hello'), 'HELLO')
    assert.is(await bus.request(Add, 41), 42)
  })

  test('request: null and undefined are a reply of nothing', async () => {
    for (const how of ['null', 'undefined']) assert.is(await bus.request(Nothing, how), undefined)
  })

  test('request: the first value of an Observable of several is the reply', async () => {
    assert.equal(await bus.request(Later, ''), { number: 1 })
  })

  test('request: an RpcException is REMOTE_FAILED with its message, any other error hides its own', async () => {
    const failures = [
      ['text', 'out of stock'],
      ['message', 'out of stock'],
      ['object', '{"code":409}'],
      ['error', 'Internal server error'],
    ] as const
    for (const [how, message] of failures) {
      const error = await failureOf(bus.request(Fail, { how }))
      assert.is(error.code, 'REMOTE_FAILED')
      assert.is(error.message, `${Fail.name} failed in the responder: ${message}`)
    }
  })

  const answered = (id: number) =>
    id === 13 ? `${Get.name} failed in the responder: no user 13` : { id, name: `user ${id}` }
  const outcomeOf = (id: number) => bus.request(Get, { id }).catch((error: BusbarError) => error.message)

  test('request: one after the other, each has its own reply, the error among them', async () => {
    for (let id = 1; id <= 16; id++) assert.equal(await outcomeOf(id), answered(id))
  })

  test('request: 64 at a time, each has its own reply, the error among them', async () => {
    const ids = Array.from({ length: 64 }, (_, n) => (n === 30 ? 13 : 100 + n))
    assert.equal(await Promise.all(ids.map(outcomeOf)), ids.map(answered))
  })

  test('publish: 64 at a time, each arrives', async () => {
    received.splice(0)
    const ids = Array.from({ length: 64 }, (_, n) => n)
    await Promise.all(ids.map(id => bus.publish(Created, { id })))
    await eventually(() =>
      assert.equal(
        received.map(({ payload }) => (payload as Id).id).toSorted((a, b) => a - b),
        ids,
      ),
    )
  })

  test.after(async () => {
    await bus.close()
    await service[Symbol.asyncDispose]()
  })
}

test.run()
