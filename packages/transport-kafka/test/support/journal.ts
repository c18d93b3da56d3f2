import assert from 'node:assert/strict'

/** One line of a consuming program's journal: a record's work began or was done. */
export interface Step {
  readonly step: 'start' | 'done'
  readonly place: string
  readonly offset: number
  readonly key: string
  readonly id: string
  readonly atMs: number
}

/** `start topic/partition offset key id milliseconds` and the like; other lines are left out. */
export function stepsIn(lines: readonly string[]): Step[] {
  return lines.flatMap(line => {
    const [step, place = '', offset, key = '', id = '', atMs] = line.split(' ')
    if (step !== 'start' && step !== 'done') return []
    return [{ step, place, offset: Number(offset), key, id, atMs: Number(atMs) }]
  })
}

export const doneIn = (steps: readonly Step[]): Step[] => steps.filter(({ step }) => step === 'done')

/**
 * Within one ownership of each partition: records of one key one at a time, in the order of the log. `ownership` tells
 * those of one partition apart where a process has had it more than once.
 */
export function assertKeyOrder(steps: readonly Step[], ownership: (step: Step) => string = () => ''): void {
  const last = new Map<string, Step>()
  for (const step of steps) {
    const lane = `${step.place} ${step.key} ${ownership(step)}`
    const before = last.get(lane)
    last.set(lane, step)
    if (before === undefined) continue
    const text = `${lane}: ${before.step} ${before.offset}, then ${step.step} ${step.offset}`
    if (step.step === 'done') assert.ok(before.step === 'start' && before.offset === step.offset, text)
    else assert.ok(before.step === 'done' && before.offset < step.offset, text)
  }
}
