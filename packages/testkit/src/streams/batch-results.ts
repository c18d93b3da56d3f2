/** What streams must come to, computed the plain way: all at once, from the whole input. */

export interface Timed {
  readonly key: string
  readonly timeMs: number
}

/** How often each word occurs. */
export function wordCounts(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of lines.flatMap(line => line.split(' '))) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

/** The latest time up to each record, itself included. */
function streamTimes(records: readonly Timed[]): readonly number[] {
  let latest = -1
  return records.map(({ timeMs }) => {
    latest = Math.max(latest, timeMs)
    return latest
  })
}

/** Counts by `key@start-end`, of the records of one partition in the order of its log. */
export function windowCounts(
  records: readonly Timed[],
  {
    sizeMs,
    advanceMs,
    graceMs,
  }: { readonly sizeMs: number; readonly advanceMs: number; readonly graceMs: number },
): Record<string, number> {
  const counts: Record<string, number> = {}
  const times = streamTimes(records)
  for (const [index, { key, timeMs }] of records.entries()) {
    for (let start = 0; start <= timeMs; start += advanceMs) {
      const end = start + sizeMs
      if (timeMs >= end || end + graceMs <= (times[index] as number)) continue
      const name = `${key}@${start}-${end}`
      counts[name] = (counts[name] ?? 0) + 1
    }
  }
  return counts
}

interface SessionLengths {
  readonly gapMs: number
  readonly graceMs: number
}

/** Counts by `key@start-end` of sessions. */
export function sessionCounts(records: readonly Timed[], lengths: SessionLengths): Record<string, number> {
  return Object.fromEntries(
    sessionsOf(records, lengths).sessions.map(({ name, times }) => [name, times.length]),
  )
}

/** The sessions that have closed, as `key@start-end=count`, each as it was when stream time went past it. */
export function closedSessions(records: readonly Timed[], lengths: SessionLengths): string[] {
  return sessionsOf(records, lengths).closed
}

interface Session {
  readonly key: string
  readonly name: string
  readonly times: readonly number[]
}

function sessionsOf(records: readonly Timed[], { gapMs, graceMs }: SessionLengths) {
  const times = streamTimes(records)
  const closed: string[] = []
  let sessions: Session[] = []
  for (const [index, { key, timeMs }] of records.entries()) {
    const [before, now] = [times[index - 1] ?? -1, times[index] as number]
    const isNear = (session: Session) =>
      session.key === key && session.times.some(each => Math.abs(each - timeMs) <= gapMs)
    const merged = [...sessions.filter(isNear).flatMap(session => session.times), timeMs]
    const closesAt = (all: readonly number[]) => Math.max(...all) + gapMs + graceMs
    if (closesAt(merged) >= now) {
      const name = `${key}@${Math.min(...merged)}-${Math.max(...merged)}`
      sessions = [...sessions.filter(session => !isNear(session)), { key, name, times: merged }]
    }
    for (const session of sessions) {
      const end = closesAt(session.times)
      if (end < now && end >= before) closed.push(`${session.name}=${session.times.length}`)
    }
  }
  return { sessions, closed }
}

export interface Sided extends Timed {
  readonly side: 'left' | 'right'
  readonly id: string
}

export interface JoinWindow {
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
}

/** The pairs of an outer join, as `left+right`, `left+-` and `-+right`, of the records of one partition in the order of processing. */
export function outerJoin(records: readonly Sided[], { beforeMs, afterMs, graceMs }: JoinWindow): string[] {
  const times = streamTimes(records)
  const endOf = ({ side, timeMs }: Sided) => timeMs + (side === 'left' ? afterMs : beforeMs) + graceMs
  const arrival = new Map(records.map((record, index) => [record, times[index] as number]))
  const inTime = records.filter((record, index) => endOf(record) >= (times[index] as number))
  const pairs: string[] = []
  const matched = new Set<Sided>()
  for (const left of inTime) {
    for (const right of inTime) {
      if (left.side !== 'left' || right.side !== 'right' || left.key !== right.key) continue
      const distance = right.timeMs - left.timeMs
      if (distance < -beforeMs || distance > afterMs) continue
      const arrivedAt = Math.max(arrival.get(left) as number, arrival.get(right) as number)
      if (arrivedAt > endOf(left) || arrivedAt > endOf(right)) continue
      pairs.push(`${left.id}+${right.id}`)
      matched.add(left).add(right)
    }
  }
  const end = times.at(-1) ?? -1
  for (const record of inTime) {
    if (matched.has(record) || endOf(record) >= end) continue
    pairs.push(record.side === 'left' ? `${record.id}+-` : `-+${record.id}`)
  }
  return pairs.sort()
}
