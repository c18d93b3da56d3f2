import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '@busbar/core/testing'
import { uniqueName } from '@busbar/testkit'
import type { CopyingMemberOptions } from '../programs/copying-member.js'
import { readAll } from './copying.js'
import { assertOnceInOrder, numbered, portion, publishNumbered } from './exactly-once.js'
import { type Program, startProgram } from './program.js'
import { connected } from './test-transport.js'

export interface ExactlyOnceRun {
  readonly brokers: string[]
  readonly records: number
  /** How often one of the two instances is killed, at random, and replaced. */
  readonly kills: number
  readonly seed: number
  readonly partitions?: number
}

export interface ExactlyOnceResult {
  readonly copied: number
  /** Deliveries to both instances: what is above `copied` was delivered again after a kill, and its outputs were aborted. */
  readonly delivered: number
  readonly tookMs: number
}

/** Two instances copy a topic while one of them after the other is killed. @throws where an output is missing, there twice or out of order. */
export async function exactlyOnceRun(run: ExactlyOnceRun): Promise<ExactlyOnceResult> {
  const { brokers, records, kills, seed, partitions = 6 } = run
  const random = new SeededRandom(seed)
  await using bus = await connected({ brokers })
  const { transport } = bus
  const [from, to] = [uniqueName('from'), uniqueName('to')]
  await transport.ensureTopics([from, to].map(name => ({ name, create: true, partitions })))
  const member: CopyingMemberOptions = {
    brokers,
    from,
    to,
    group: uniqueName('group'),
    sessionTimeout: 1_500,
    commitIntervalMs: 30,
    workMs: 20,
  }
  const values = numbered(50, Math.ceil(records / 50))
  const started: Program[] = []
  const start = async (): Promise<Program> => {
    const program = startProgram('copying-member', member)
    started.push(program)
    await program.message('ready')
    return program
  }
  const startedAt = Date.now()
  try {
    const running = await Promise.all([start(), start()])
    const allKilled = (async () => {
      for (let kill = 0; kill < kills; kill++) {
        await sleep(200 + random.next() * 1_300)
        const index = random.next() < 0.5 ? 0 : 1
        await (running[index] as Program).kill()
        running[index] = await start()
      }
    })()
    let over = false
    const killed = allKilled.finally(() => {
      over = true
    })
    // As long as there are kills to come there are records to come, so that each meets work.
    const portions = Math.ceil(values.length / portion)
    await publishNumbered(transport, from, values, async () => {
      if (!over) await sleep((kills * 1_700) / portions)
    })
    await killed
    await untilRead(transport, to, values.length)
    for (const program of running) await program.close()
    assertOnceInOrder(await readAll(transport, to), values)
    return { copied: values.length, delivered: deliveriesOf(started), tookMs: Date.now() - startedAt }
  } finally {
    for (const program of started) await program[Symbol.asyncDispose]()
  }
}

async function untilRead(
  transport: Awaited<ReturnType<typeof connected>>['transport'],
  topic: string,
  count: number,
): Promise<void> {
  let last = -1
  let lastAt = Date.now()
  for (;;) {
    const found = (await readAll(transport, topic)).length
    if (found >= count) return
    if (found !== last) lastAt = Date.now()
    last = found
    if (Date.now() - lastAt > 30_000) throw new Error(`stuck at ${found} of ${count} outputs for 30 s`)
    await sleep(250)
  }
}

function deliveriesOf(programs: readonly Program[]): number {
  const taken = programs.flatMap(program => program.journal()).filter(line => line.startsWith('taken '))
  return taken.reduce((sum, line) => sum + Number(line.split(' ')[2]), 0)
}
