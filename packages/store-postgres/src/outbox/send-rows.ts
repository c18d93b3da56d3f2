import { type Bus, BusbarError } from '@busbar/core'
import type { PendingRow } from './slot-reader.js'

/** What became of rows. */
export interface SendResult {
  readonly sent: PendingRow[]
  /** Will never be accepted, whatever changes around them. */
  readonly refused: { readonly row: PendingRow; readonly error: BusbarError }[]
  /** Topics that something is wrong with for now: their other rows were not sent. */
  readonly failed: {
    readonly topic: string
    readonly error: BusbarError
    readonly rows: readonly PendingRow[]
  }[]
}

/** What is wrong with the record itself. All else may be mended while it waits. */
const refusals: ReadonlySet<string> = new Set(['RECORD_TOO_LARGE', 'HEADER_INVALID'])

/** Sends rows, those of one key in their order: the next goes once the one before it is stored. Never rejects. */
export async function sendRows(bus: Pick<Bus, 'send'>, rows: readonly PendingRow[]): Promise<SendResult> {
  const result: SendResult = { sent: [], refused: [], failed: [] }
  const topics = new Map<string, PendingRow[]>()
  for (const row of rows) {
    const { topic } = row.record
    const ofTopic = topics.get(topic)
    if (ofTopic) ofTopic.push(row)
    else topics.set(topic, [row])
  }
  await Promise.all([...topics].map(([topic, ofTopic]) => sendTopic(bus, topic, ofTopic, result)))
  return result
}

async function sendTopic(
  bus: Pick<Bus, 'send'>,
  topic: string,
  rows: readonly PendingRow[],
  result: SendResult,
): Promise<void> {
  const waves = wavesOf(rows)
  for (const [index, wave] of waves.entries()) {
    const failures = await sendWave(bus, wave)
    let failed: BusbarError | undefined
    const left: PendingRow[] = []
    for (const [place, row] of wave.entries()) {
      const error = failures.get(place)
      if (error === undefined) result.sent.push(row)
      else if (refusals.has(error.code)) result.refused.push({ row, error })
      else {
        failed ??= error
        left.push(row)
      }
    }
    if (failed) {
      result.failed.push({ topic, error: failed, rows: [...left, ...waves.slice(index + 1).flat()] })
      return
    }
  }
}

/** By place in the wave, why a row was not stored. */
async function sendWave(
  bus: Pick<Bus, 'send'>,
  wave: readonly PendingRow[],
): Promise<ReadonlyMap<number, BusbarError>> {
  try {
    await bus.send(wave.map(row => row.record))
    return new Map()
  } catch (thrown) {
    const error = BusbarError.from(thrown, 'PUBLISH_FAILED', 'relaying the outbox')
    if (error.code === 'PUBLISH_PARTIAL')
      return new Map(error.failures.map(failure => [failure.index, failure.error]))
    return new Map(wave.map((_, place) => [place, error]))
  }
}

/**
 * The first row of every key, then the second of each, and so on. A transport that refuses a record may have stored what
 * stood behind it in the same call: so no call has two of one key.
 */
function wavesOf(rows: readonly PendingRow[]): PendingRow[][] {
  const waves: PendingRow[][] = [[]]
  const counts = new Map<string, number>()
  for (const row of rows) {
    const { key } = row.record
    let place = 0
    if (key !== null) {
      const name = Buffer.from(key).toString('latin1')
      place = counts.get(name) ?? 0
      counts.set(name, place + 1)
    }
    waves[place] ??= []
    waves[place]?.push(row)
  }
  return waves
}
