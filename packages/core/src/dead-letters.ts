import { type DeadLetter, markedBy, readDeadLetter } from './dead-letter.js'
import { BusbarError } from './error.js'
import { deadLetterTopic, redriveTopic } from './middleware/dead-letter.js'
import type { OwnTopics } from './own-topic.js'
import { returnHeader } from './return-headers.js'
import { type Runtime, sleep } from './runtime.js'
import type { InboundHeaders, InboundRecord, Transport } from './transport.js'
import { positive } from './validate.js'

/** Which dead letters; every property that is given must hold. */
export interface DeadLetterFilter {
  readonly topic?: string
  readonly event?: string
  readonly subscription?: string
  readonly code?: string
  readonly id?: string
  /** Failed at or after, in milliseconds since the epoch. */
  readonly sinceMs?: number
  /** Failed before, in milliseconds since the epoch. */
  readonly untilMs?: number
  readonly where?: (letter: DeadLetter) => boolean
}

export interface RedriveOptions {
  /** Dead letters a second at most. Default: 100. */
  readonly perSecond?: number
  /** Only counts what would be done. Default: false. */
  readonly dryRun?: boolean
  /** A dead letter that was replayed this often is refused, so that none goes round for ever. Default: 5. */
  readonly maxRedrives?: number
  readonly onProgress?: (progress: RedriveProgress) => void
  /** Stops after the dead letter that is under way; what was done stays done. */
  readonly signal?: AbortSignal
}

export interface RedriveProgress {
  readonly replayed: number
  readonly discarded: number
  /** Replayed as often as is allowed before. */
  readonly refused: number
  /** The one just dealt with. */
  readonly letter: DeadLetter
}

export type RedriveResult = Omit<RedriveProgress, 'letter'>

export interface DeadLettersOptions {
  readonly group: string
  /** The topics whose dead letters are meant. */
  readonly topics: readonly string[]
  readonly transport: Transport
  readonly ownTopics: OwnTopics
  readonly runtime: Runtime
}

/**
 * The dead letters of a group. What was replayed or discarded is no longer listed: a marker says so in the dead-letter
 * topic, since Kafka deletes no single record. Whatever becomes a dead letter while a replay runs is left to the next.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions

  constructor(options: DeadLettersOptions) {
    this.#options = options
  }

  /** Dead letters in the order of their partitions, `limit` (default 1,000) at most. */
  async list(filter: DeadLetterFilter = {}, limit = 1_000): Promise<readonly DeadLetter[]> {
    const found: DeadLetter[] = []
    await this.#each(filter, letter => {
      found.push(letter)
      return found.length < limit
    })
    return found
  }

  /** Sends dead letters back to the subscription that failed; resolves when all are sent. */
  replay(filter: DeadLetterFilter | DeadLetter = {}, options: RedriveOptions = {}): Promise<RedriveResult> {
    return this.#redrive('replayed', filter, options)
  }

  /** Gives dead letters up: they stay in their topic, and are not listed or replayed any more. */
  discard(filter: DeadLetterFilter | DeadLetter, options: RedriveOptions = {}): Promise<RedriveResult> {
    return this.#redrive('discarded', filter, options)
  }

  async #redrive(
    kind: 'replayed' | 'discarded',
    which: DeadLetterFilter | DeadLetter,
    options: RedriveOptions,
  ): Promise<RedriveResult> {
    const spacingMs = 1_000 / positive('perSecond', options.perSecond ?? 100)
    const maxRedrives = options.maxRedrives ?? 5
    const counts = { replayed: 0, discarded: 0, refused: 0 }
    let isFirst = true
    await this.#each(asFilter(which), async letter => {
      const refused = kind === 'replayed' && letter.redrives >= maxRedrives
      const acts = !refused && !options.dryRun
      // Its rejection only says that the signal aborted.
      if (acts && !isFirst) await sleep(this.#options.runtime, spacingMs, options.signal).catch(() => {})
      if (options.signal?.aborted) return false
      if (acts) {
        isFirst = false
        if (kind === 'replayed') await this.#sendBack(letter)
        await this.#mark(letter, kind)
      }
      counts[refused ? 'refused' : kind] += 1
      options.onProgress?.({ ...counts, letter })
      return true
    })
    return counts
  }

  async #sendBack({ record, origin, group, redrives }: DeadLetter): Promise<void> {
    const topic = redriveTopic(origin.topic, group)
    const partitions = await this.#options.ownTopics.ensure({ name: topic, like: origin.topic })
    // Where the state of its key is, whatever its publisher chose the partition by.
    const partition = origin.partition < partitions ? { partition: origin.partition } : {}
    const headers = { ...withoutReasons(record.headers), [returnHeader.redrives]: String(redrives + 1) }
    await this.#options.transport.send([
      { topic, ...partition, key: record.key, value: record.value, timestampMs: record.timestampMs, headers },
    ])
  }

  async #mark({ record }: DeadLetter, marker: string): Promise<void> {
    const { topic, partition, offset } = record
    const headers = {
      [returnHeader.marker]: marker,
      [returnHeader.markedPartition]: String(partition),
      [returnHeader.markedOffset]: String(offset),
    }
    const timestampMs = this.#options.runtime.now()
    await this.#options.transport.send([{ topic, partition, key: null, value: null, headers, timestampMs }])
  }

  /** Visits dead letters one by one until told to stop, those without a marker only. */
  async #each(
    filter: DeadLetterFilter,
    visit: (letter: DeadLetter) => boolean | Promise<boolean>,
  ): Promise<void> {
    const { group, topics } = this.#options
    for (const topic of topics) {
      if (filter.topic !== undefined && filter.topic !== topic) continue
      const name = deadLetterTopic(topic, group)
      const marked = new Set<string>()
      await this.#read(name, record => {
        const mark = markedBy(record)
        if (mark) marked.add(mark)
        return true
      })
      let goOn = true
      await this.#read(name, async record => {
        const letter = readDeadLetter(record)
        if (
          goOn &&
          letter?.group === group &&
          !marked.has(`${record.partition}@${record.offset}`) &&
          matches(letter, filter)
        )
          goOn = await visit(letter)
        return goOn
      })
      if (!goOn) return
    }
  }

  /** Reads what a topic holds now; a topic that is not there holds nothing. */
  async #read(topic: string, visit: (record: InboundRecord) => boolean | Promise<boolean>): Promise<void> {
    let failure: { readonly thrown: unknown } | undefined
    // Partitions are read side by side, and visited one record after the other.
    let turn: Promise<boolean> = Promise.resolve(true)
    const receive = async (records: readonly InboundRecord[]): Promise<void> => {
      for (const record of records) {
        turn = turn
          .then(goOn => goOn && !failure && visit(record))
          .catch((thrown: unknown) => {
            failure ??= { thrown }
            return false
          })
      }
      await turn
    }
    try {
      await using reader = await this.#options.transport.read(
        { topic, from: 'earliest', until: 'end' },
        receive,
      )
      await reader.closed
    } catch (thrown) {
      if (!(thrown instanceof BusbarError && thrown.code === 'TOPIC_MISSING')) throw thrown
    }
    await turn
    if (failure) throw failure.thrown
  }
}

function asFilter(which: DeadLetterFilter | DeadLetter): DeadLetterFilter {
  if (!('record' in which)) return which
  const { topic, partition, offset } = which.record
  return {
    where: ({ record }) =>
      record.topic === topic && record.partition === partition && record.offset === offset,
  }
}

function matches(
  letter: DeadLetter,
  { event, subscription, code, id, sinceMs, untilMs, where }: DeadLetterFilter,
): boolean {
  if (event !== undefined && letter.event !== event) return false
  if (subscription !== undefined && letter.subscription !== subscription) return false
  if (code !== undefined && letter.code !== code) return false
  if (id !== undefined && letter.id !== id) return false
  if (sinceMs !== undefined && letter.failedAtMs < sinceMs) return false
  if (untilMs !== undefined && letter.failedAtMs >= untilMs) return false
  return where?.(letter) ?? true
}

const reasons: ReadonlySet<string> = new Set([
  returnHeader.errorCode,
  returnHeader.errorMessage,
  returnHeader.errorStack,
  returnHeader.failedAt,
  returnHeader.attempts,
  returnHeader.dueAt,
  returnHeader.redrives,
])

/** The headers without what the failure added, so that the record starts its attempts anew. */
function withoutReasons(headers: InboundHeaders): InboundHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !reasons.has(name)))
}
