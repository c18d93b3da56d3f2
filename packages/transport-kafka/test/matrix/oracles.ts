import type { PartitionPosition } from '@busbar/core'
import { badId, describeCase, expectedCode, isStuck, keyOf, type MatrixCase, recordCount } from './cases.js'

export interface JournalLine {
  readonly topic: string
  readonly what: string
  readonly id: string
  readonly more: string
}

export interface Letter {
  readonly id: string
  readonly code: string
  readonly value: string
}

/** Where each record of a case stands in the log, by id. */
export type Places = ReadonlyMap<
  string,
  { readonly partition: number; readonly offset: number; readonly value: string }
>

const ids = Array.from({ length: recordCount }, (_, id) => String(id))
const finishing = new Set(['done', 'skipped', 'dead-lettered', 'rescheduled'])

/** Ids whose main record has an outcome that lets the position pass it. */
function finished(each: MatrixCase, lines: readonly JournalLine[]): Set<string> {
  return new Set(
    lines
      .filter(({ topic, what, more }) => topic === each.topic && what === 'outcome' && finishing.has(more))
      .map(({ id }) => id),
  )
}

/** Ids that are through: handled, or in the dead-letter topic. */
export function ended(each: MatrixCase, lines: readonly JournalLine[]): boolean {
  const through = lines.filter(
    ({ topic, what, more }) =>
      topic === each.topic && what === 'outcome' && finishing.has(more) && more !== 'rescheduled',
  )
  const found = new Set(through.map(({ id }) => id))
  return ids.every(id => found.has(id) || (id === badId && isStuck(each)) || (isStuck(each) && behindBad(id)))
}

/** Records of the bad one's key that come after it: they wait for it where it is handed back for ever. */
const behindBad = (id: string): boolean => keyOf(id) === keyOf(badId) && Number(id) > Number(badId)

/** Violations of: committed never passes unfinished. */
export function earlyCommits(
  each: MatrixCase,
  lines: readonly JournalLine[],
  places: Places,
  positions: readonly PartitionPosition[],
): string[] {
  const done = finished(each, lines)
  const found: string[] = []
  for (const { topic, partition, committed } of positions) {
    if (topic !== each.topic) continue
    for (const [id, place] of places) {
      if (place.partition === partition && place.offset < committed && !done.has(id)) {
        found.push(
          `${describeCase(each)}: committed ${committed} of partition ${partition} passes ${id}, which is not finished`,
        )
      }
    }
  }
  return found
}

/** Violations of everything that must hold in the end. */
export function violations(
  each: MatrixCase,
  lines: readonly JournalLine[],
  places: Places,
  letters: readonly Letter[],
  positions: readonly PartitionPosition[],
): string[] {
  const own = lines.filter(({ topic }) => topic === each.topic)
  const found: string[] = []
  const say = (what: string) => found.push(`${describeCase(each)}: ${what}`)
  const code = expectedCode(each)
  for (const id of ids) {
    const effects = own.filter(line => line.what === 'effect' && line.id === id).length
    const inLetters = letters.filter(letter => letter.id === id)
    if (id === badId && code !== undefined) {
      if (isStuck(each)) {
        if (inLetters.length > 0) say('a dead letter where none was asked for')
      } else if (inLetters.length === 0) say(`the bad record is no dead letter`)
      for (const letter of inLetters) {
        if (letter.code !== code) say(`its dead letter says ${letter.code}, not ${code}`)
        if (letter.value !== places.get(id)?.value) say('its dead letter has other bytes')
      }
    } else if (!(isStuck(each) && behindBad(id))) {
      if (effects === 0) say(`${id} was lost`)
      if (inLetters.length > 0) say(`${id} is a dead letter: ${inLetters[0]?.code}`)
    }
  }
  const first = own.filter(
    (line, index) =>
      line.what === 'start' &&
      own.findIndex(other => other.what === 'start' && other.id === line.id) === index,
  )
  for (const key of new Set(ids.map(keyOf))) {
    const order = first.filter(({ id }) => keyOf(id) === key).map(({ id }) => Number(id))
    if (order.some((id, index) => id < (order[index - 1] ?? -1)))
      say(`first handlings of ${key} out of order: ${order.join()}`)
  }
  if (!isStuck(each)) {
    const lag = positions
      .filter(({ topic }) => topic === each.topic)
      .reduce((sum, position) => sum + position.lag, 0)
    if (lag > 0) say(`${lag} records are not committed in the end`)
  }
  return found
}
