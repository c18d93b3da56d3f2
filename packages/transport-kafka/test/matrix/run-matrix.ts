import type { Transport } from '@busbar/core'
import { eventually } from '@busbar/testkit'
import { badId, combinations, type Death, isStuck, keyOf, type MatrixCase, recordCount } from './cases.js'
import { earlyCommits, ended, type JournalLine, type Letter, type Places, violations } from './oracles.js'

/** Runs the service of the matrix as processes that can be killed. */
export interface MatrixHost {
  readonly name: string
  /** A connected transport beside the service, which lives on. */
  readonly beside: Transport
  start(cases: readonly MatrixCase[], death: Death | undefined): Promise<MatrixProcess>
  /** Everything that any process wrote down so far. */
  journal(): readonly JournalLine[]
}

interface MatrixProcess {
  kill(): Promise<void>
  close(): Promise<void>
}

export interface DeathResult {
  readonly death: Death
  readonly cases: number
  /** Cases that reached the point at which they should die; the others were through before. */
  readonly died: number
  readonly deadLetters: number
  /** Effects that happened more than once, by middleware. */
  readonly repeated: Readonly<Record<string, number>>
  readonly seconds: number
  readonly violations: readonly string[]
}

/** Runs the cases until each stands at its point or is through, kills the process, and lets another one finish. */
export async function runDeath(
  host: MatrixHost,
  death: Death,
  prefix: string,
  wanted: (each: MatrixCase) => boolean,
  timeoutMs: number,
): Promise<DeathResult> {
  const from = Date.now()
  const cases = combinations(prefix).filter(wanted)
  const groups = new Map<MatrixCase, Places>()
  await host.beside.ensureTopics(cases.map(({ topic }) => ({ name: topic, partitions: 2, create: true })))
  for (const each of cases) groups.set(each, await publish(host.beside, each))

  const first = await host.start(cases, death)
  const isAtPoint = (each: MatrixCase) =>
    host.journal().some(({ topic, what }) => topic === each.topic && what === 'point')
  await eventually(() => all(cases, each => isAtPoint(each) || ended(each, host.journal())), {
    timeoutMs,
    everyMs: 100,
  })
  const died = cases.filter(isAtPoint).length
  await first.kill()
  const found: string[] = []
  for (const [each, places] of groups)
    found.push(...earlyCommits(each, host.journal(), places, await host.beside.positions(each.group)))

  const second = await host.start(cases, undefined)
  await eventually(() => all(cases, each => ended(each, host.journal())), { timeoutMs, everyMs: 100 })
  // What the first had done and not committed is done again.
  for (const each of cases)
    if (!isStuck(each)) await eventually(() => committed(host, each), { timeoutMs, everyMs: 100 })
  await second.close()
  let deadLetters = 0
  const repeated: Record<string, number> = {}
  for (const [each, places] of groups) {
    const letters = await lettersOf(host.beside, each)
    const positions = await host.beside.positions(each.group)
    deadLetters += letters.length
    repeated[each.middleware] = (repeated[each.middleware] ?? 0) + repeatedEffects(each, host.journal())
    found.push(
      ...earlyCommits(each, host.journal(), places, positions),
      ...violations(each, host.journal(), places, letters, positions),
    )
  }
  return {
    death,
    cases: cases.length,
    died,
    deadLetters,
    repeated,
    seconds: (Date.now() - from) / 1_000,
    violations: found,
  }
}

async function committed(host: MatrixHost, { group }: MatrixCase): Promise<void> {
  const behind = (await host.beside.positions(group)).filter(({ lag }) => lag > 0)
  if (behind.length > 0) throw new Error(`group ${group} is behind: ${JSON.stringify(behind)}`)
}

function all(cases: readonly MatrixCase[], holds: (each: MatrixCase) => boolean): void {
  const missing = cases.filter(each => !holds(each))
  if (missing.length > 0)
    throw new Error(
      `${missing.length} cases are not through: ${missing.map(each => `${each.kind}/${each.middleware}/${each.shape}`).join('; ')}`,
    )
}

/** Effects of records other than the bad one, whose attempts repeat it on purpose, beyond the first. */
function repeatedEffects(each: MatrixCase, lines: readonly JournalLine[]): number {
  const effects = lines.filter(
    ({ topic, what, id }) => topic === each.topic && what === 'effect' && id !== badId,
  )
  return effects.length - new Set(effects.map(({ id }) => id)).size
}

async function publish(transport: Transport, { kind, topic }: MatrixCase): Promise<Places> {
  const places = new Map<string, { partition: number; offset: number; value: string }>()
  const ids = Array.from({ length: recordCount }, (_, id) => String(id))
  const records = ids.map(id => {
    const bad = kind === 'undecodable' ? '{"id":' : kind === 'invalid payload' ? '{"id":5}' : undefined
    const value = id === badId && bad !== undefined ? bad : JSON.stringify({ id })
    const headers = {
      ce_specversion: '1.0',
      ce_id: id,
      ce_type: 'item',
      ce_source: 'matrix',
      'content-type': 'application/json',
    }
    return { topic, key: Buffer.from(keyOf(id)), value: Buffer.from(value), headers, timestampMs: Date.now() }
  })
  for (const [index, { partition, offset }] of (await transport.send(records)).entries()) {
    places.set(String(index), { partition, offset, value: records[index]?.value.toString() ?? '' })
  }
  return places
}

async function lettersOf(transport: Transport, { topic, group }: MatrixCase): Promise<Letter[]> {
  const letters: Letter[] = []
  const text = (value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString() : '')
  try {
    const reader = await transport.read(
      { topic: `${topic}.${group}.dlq`, from: 'earliest', until: 'end' },
      records => {
        for (const { headers, value } of records)
          letters.push({
            id: text(headers['ce_id']),
            code: text(headers['busbar-error-code']),
            value: text(value),
          })
      },
    )
    await reader.closed
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== 'TOPIC_MISSING') throw thrown
  }
  return letters
}
