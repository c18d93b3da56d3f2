import assert from 'node:assert/strict'
import { defineEvent } from '@busbar/core'
import { deadline, eventually, uniqueName } from '@busbar/testkit'
import type { RollingMemberOptions } from '../programs/rolling-member.js'
import { doneIn, type Step, stepsIn } from './journal.js'
import { type Program, startProgram } from './program.js'
import { kafkaBus, observe } from './scenario.js'

export interface RollingDeployOptions {
  readonly brokers: string[]
  readonly records: number
  readonly workMs: number
  /** Whether instances are killed instead of told to close. */
  readonly kill?: boolean
}

export interface RollingDeployResult {
  readonly published: readonly string[]
  /** What each instance did, in its own order. */
  readonly steps: readonly (readonly Step[])[]
  /** Positions that went back, as texts. */
  readonly regressions: readonly string[]
  /** The longest time without a start of work, by partition, while there was something to do. */
  readonly longestGapMs: number
  readonly tookMs: number
}

/**
 * Three instances of a group, replaced one after the other under load by ones that consume one more topic. Returns when
 * everything is handled and committed.
 */
export async function rollingDeploy(options: RollingDeployOptions): Promise<RollingDeployResult> {
  const { brokers, records, workMs } = options
  const group = uniqueName('rolling')
  const [first, second, added] = [uniqueName('rolling-a'), uniqueName('rolling-b'), uniqueName('rolling-new')]
  const topics = [first, second, added]
  const contracts = topics.map(name =>
    defineEvent<{ key: string; id: string }>('work', { topic: { name, partitions: 4 }, key: work => work.key }),
  )
  const { bus } = kafkaBus(brokers, { name: 'load' })
  await bus.start()
  for (const contract of contracts) await bus.publish(contract, { key: 'first', id: `first-${contract.topic.name}` })
  const published = topics.map(topic => `first-${topic}`)

  const instances: Program[] = []
  const member = async (consumes: readonly string[]) => {
    const program = startProgram('rolling-member', { brokers, group, topics: consumes, workMs } satisfies RollingMemberOptions)
    instances.push(program)
    await program.message('ready', 30_000)
    return program
  }
  await using observer = await observe(brokers)
  const watch = watchPositions(() => observer.committed(group, topics))
  const begin = Date.now()
  try {
    const old = await Promise.all([member([first, second]), member([first, second]), member([first, second])])
    const load = publishSteadily(records, async number => {
      const contract = contracts[number % 3] as (typeof contracts)[number]
      const id = `work-${number}`
      await bus.publish(contract, { key: `key-${number % 50}`, id })
      published.push(id)
    })
    for (const each of old) {
      await member(topics)
      await (options.kill ? each.kill() : each.close())
    }
    await deadline(120_000, 'the load', load)
    await eventually(async () => assert.equal(await observer.lag(group, topics), 0), { timeoutMs: 120_000, everyMs: 100 })
    const steps = instances.map(each => stepsIn(each.journal()))
    const regressions = await watch.stop()
    await Promise.all(instances.slice(3).map(each => each.close()))
    return { published, steps, regressions, longestGapMs: longestGap(steps), tookMs: Date.now() - begin }
  } finally {
    await watch.stop()
    await Promise.all(instances.map(each => each[Symbol.asyncDispose]()))
    await bus.close()
  }
}

/** Publishes some at a time until all are published. */
async function publishSteadily(count: number, publish: (number: number) => Promise<void>) {
  const portion = 20
  for (let number = 0; number < count; number += portion) {
    await Promise.all(Array.from({ length: Math.min(portion, count - number) }, (_, index) => publish(number + index)))
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

function watchPositions(committed: () => Promise<Map<string, number>>) {
  const highest = new Map<string, number>()
  const regressions: string[] = []
  let stopped = false
  const watching = (async () => {
    while (!stopped) {
      for (const [place, position] of await committed()) {
        const before = highest.get(place) ?? -1
        if (position < before) regressions.push(`${place} went from ${before} to ${position}`)
        highest.set(place, Math.max(before, position))
      }
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  })()
  return {
    stop: async () => {
      stopped = true
      await watching
      return regressions
    },
  }
}

/** Between two starts of work of one partition, over all instances. Records come to each of them all the time. */
function longestGap(steps: RollingDeployResult['steps']): number {
  const starts = new Map<string, number[]>()
  for (const { step, place, atMs } of steps.flat()) {
    if (step === 'start') starts.set(place, [...(starts.get(place) ?? []), atMs])
  }
  let longest = 0
  for (const times of starts.values()) {
    const sorted = times.toSorted((a, b) => a - b)
    // The first of a topic is stored before anybody consumes.
    for (let i = 2; i < sorted.length; i++) longest = Math.max(longest, (sorted[i] ?? 0) - (sorted[i - 1] ?? 0))
  }
  return longest
}

/** How many records were handled to the end, and how many of them more than once. */
export function handledIn(steps: RollingDeployResult['steps']): { handled: Set<string>; again: number } {
  const done = doneIn(steps.flat())
  const handled = new Set(done.map(({ id }) => id))
  return { handled, again: done.length - handled.size }
}
