import { BusbarError } from './error.js'
import type { Intake } from './group-consumer.js'
import type { Logger } from './logger.js'
import { PartitionSession } from './partition-session.js'
import type { Runtime } from './runtime.js'
import type { Deliver, Transport, TransportReader } from './transport.js'

export interface BroadcastOptions {
  readonly transport: Transport
  readonly runtime: Runtime
  readonly logger: Logger
  readonly maxInFlight: number
  readonly deliver: Deliver
}

interface TopicBroadcast {
  readonly reader: TransportReader
  readonly sessions: Map<number, PartitionSession>
}

/**
 * The intake of broadcast subscriptions: every partition of their topics from now on, without a group and without a
 * position. Redelivery and back-pressure are those of a group's partition.
 */
export async function openBroadcast(options: BroadcastOptions, topics: readonly string[]): Promise<Intake> {
  const { transport } = options
  if (!transport.capabilities.read) {
    throw new BusbarError(
      'CAPABILITY_MISSING',
      `a broadcast subscription needs a transport that can read without a group; ${transport.name} cannot`,
    )
  }
  const readers = new Map<string, TopicBroadcast>()
  let wanted: readonly string[] = []
  let isPaused = false
  let fail: (reason: unknown) => void = () => {}
  const closed = new Promise<void>((_, reject) => {
    fail = reject
  })
  closed.catch(() => {})

  const open = async (topic: string): Promise<void> => {
    const sessions = new Map<number, PartitionSession>()
    const reader = await transport.read({ topic, from: 'latest' }, records => {
      const first = records[0]
      if (!first) return
      let session = sessions.get(first.partition)
      if (!session) {
        session = new PartitionSession({ ...options, topic, partition: first.partition, start: first.offset })
        if (isPaused) session.pause()
        sessions.set(first.partition, session)
      }
      return session.push(records)
    })
    // Ended, or opened by somebody else, while this one was on its way.
    if (!wanted.includes(topic) || readers.has(topic)) return reader[Symbol.asyncDispose]()
    readers.set(topic, { reader, sessions })
    reader.closed.catch((thrown: unknown) => {
      if (readers.get(topic)?.reader !== reader) return
      // A broadcast keeps no position: it goes on with what comes next, and says that it has missed something.
      options.logger.error({ err: thrown, topic }, 'a broadcast lost its place and goes on from now')
      shut(topic)
        .then(() => (wanted.includes(topic) && !readers.has(topic) ? open(topic) : undefined))
        .catch(fail)
    })
  }
  const shut = async (topic: string) => {
    const ended = readers.get(topic)
    readers.delete(topic)
    for (const session of ended?.sessions.values() ?? [])
      session.revoke(new BusbarError('BUS_CLOSED', `the broadcast subscription of ${topic} ended`))
    await ended?.reader[Symbol.asyncDispose]()
  }
  const setTopics = async (topics: readonly string[]) => {
    wanted = topics
    await Promise.all([...readers.keys()].filter(topic => !wanted.includes(topic)).map(shut))
    const opened = await Promise.allSettled(wanted.filter(topic => !readers.has(topic)).map(open))
    for (const each of opened) if (each.status === 'rejected') throw each.reason
  }

  try {
    await setTopics(topics)
  } catch (thrown) {
    // Readers of other topics may be open, or still on their way, and would deliver beside those of the next try.
    await setTopics([])
    throw thrown
  }
  return {
    closed,
    setTopics,
    pause: () => {
      isPaused = true
      for (const { sessions } of readers.values()) for (const session of sessions.values()) session.pause()
    },
    [Symbol.asyncDispose]: () => setTopics([]),
  }
}
