/** Asks, answers, or both. Tells its parent how each request ended; ends when it is told. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createBus } from '@busbar/core'
import { kafkaTransport } from '@busbar/transport-kafka'
import { askAll, type EchoAnswer, echoRequest } from '../support/echo.js'
import { finish, programOptions, tellParent, told } from '../support/program.js'

export interface RequestPeerOptions {
  readonly brokers: string[]
  readonly name: string
  readonly topic: string
  readonly replyTopic: string
  readonly group: string
  readonly answers: boolean
  /** Whether it makes requests until it is told that this is enough, and how many of them at a time. */
  readonly asks?: { readonly atATime: number; readonly timeoutMs: number }
}

const { brokers, name, topic, replyTopic, group, answers, asks } = programOptions<RequestPeerOptions>()
const Echo = echoRequest(topic)
const bus = createBus({
  name,
  requests: { replyTopic },
  transport: kafkaTransport({ brokers, consumer: { sessionTimeout: 1_500, heartbeatInterval: 200 } }),
})
if (answers) {
  bus.reply(Echo, { group }, async ({ from, number }): Promise<EchoAnswer> => {
    await sleep(number % 10)
    return { from, number, by: name }
  })
}

await bus.start()
tellParent('ready')
if (asks) {
  const enough = new AbortController()
  void told('enough').then(() => enough.abort())
  tellParent('asked', await askAll(bus, Echo, { from: name, enough: enough.signal, ...asks }))
}
await told('close')
await bus.close()
finish()
