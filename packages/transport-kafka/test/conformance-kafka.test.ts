import type { Socket } from 'node:net'
import { conformance } from '@busbar/core/conformance'
import { kafkaForTests } from '@busbar/testkit'
import { type KafkaTransport, kafkaTransport } from '@busbar/transport-kafka'
import { suite } from 'uvu'
import { framingSocketFactory } from '../dist/framing-socket-factory.js'

const test = suite('conformance: kafka')
const kafka = await kafkaForTests()
const socketsOf = new WeakMap<KafkaTransport, Set<Socket>>()
const frozen = new WeakSet<Set<Socket>>()

/** Nothing is heard or sent, and what was to be sent goes out when it thaws: to the broker as if the process stood still. */
function freeze(transport: KafkaTransport): () => void {
  const sockets = socketsOf.get(transport) ?? new Set()
  frozen.add(sockets)
  for (const socket of sockets) {
    socket.pause()
    socket.cork()
  }
  return () => {
    frozen.delete(sockets)
    for (const socket of sockets) {
      socket.uncork()
      socket.resume()
    }
  }
}

/** A transport whose sockets are known, so that a case can cut them. */
function createTransport(brokers: readonly string[]): KafkaTransport {
  const sockets = new Set<Socket>()
  const factory = framingSocketFactory()
  const socketFactory: typeof factory = options => {
    const socket = factory(options)
    sockets.add(socket)
    if (frozen.has(sockets)) {
      socket.pause()
      socket.cork()
    }
    socket.once('close', () => sockets.delete(socket))
    return socket
  }
  // A crashed member is missed sooner than by default, and finished prefixes are committed sooner: cases wait for both.
  const consumer = { sessionTimeout: 6_000 }
  const transport = kafkaTransport({ brokers, kafka: { socketFactory }, consumer, commitIntervalMs: 50 })
  socketsOf.set(transport, sockets)
  return transport
}

if (kafka) {
  conformance<KafkaTransport>(
    {
      name: 'kafka',
      createTransport: () => createTransport(kafka.brokers),
      crash: transport => transport.abandon(),
      freeze,
      disconnect: transport => {
        for (const socket of socketsOf.get(transport) ?? []) socket.destroy(new Error('cut by the test'))
      },
      topicConfig: true,
      timeoutMs: 15_000,
      concurrency: 4,
    },
    {
      test,
      skip: (name, reason) => console.log(`skipped: ${name}: ${reason}`),
    },
  )
}

test.run()
