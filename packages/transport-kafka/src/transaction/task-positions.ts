import { type BusbarError, sleep, type TopicPartition, type TransportEvent } from '@busbar/core'
import type { Generation } from '../coordinator-gate.js'
import { partitionKey } from '../log-offsets.js'
import { commitBeforeJoinMs, type PositionKeeper, type PositionKeeperOptions } from '../position-keeper.js'
import type { StartPosition } from '../start-positions.js'
import { Task } from './task.js'
import { asFailure } from './transaction-failure.js'
import type { Transactions } from './transactions.js'

export interface TaskPositionsOptions extends PositionKeeperOptions {
  readonly shared: Transactions
  /** How long a member may take to begin with what it was assigned, in milliseconds. */
  readonly beginWithinMs: number
  readonly onEvent: (event: TransportEvent) => void
  /** Called when partitions were begun anew. */
  readonly onHeld: () => void
  /** Called when no further try mends what went wrong. */
  readonly onFailed: (error: BusbarError) => void
}

/** Keeps positions together with effects: the partitions of one number are a task, and each task commits by itself. */
export class TaskPositions implements PositionKeeper {
  readonly #options: TaskPositionsOptions
  readonly #tasks = new Map<number, Task>()

  constructor(options: TaskPositionsOptions) {
    this.#options = options
  }

  assign(partitions: readonly TopicPartition[]): readonly TopicPartition[] {
    const assigned = byNumber(partitions)
    const restarting: TopicPartition[] = []
    for (const [number, task] of this.#tasks) {
      if (keysOf(assigned.get(number) ?? []) === keysOf(task.partitions)) continue
      // What a task commits together is its partitions as they were.
      task.end()
      this.#tasks.delete(number)
      restarting.push(...task.partitions)
    }
    return restarting
  }

  async begin(
    generation: Generation,
    partitions: readonly TopicPartition[],
    report: (event: TransportEvent) => void,
  ): Promise<readonly StartPosition[]> {
    const tasks = [...byNumber(partitions)].map(([number, ofTask]) => {
      this.#tasks.get(number)?.end()
      const task = new Task(this.#options, ofTask)
      this.#tasks.set(number, task)
      return task
    })
    try {
      const starts = await Promise.all(tasks.map(task => task.begin(generation, report)))
      return starts.flat()
    } catch (error) {
      throw asFailure(error, `Beginning in group ${generation.group}`).error
    }
  }

  request({ partition }: TopicPartition, idle: boolean): void {
    this.#tasks.get(partition)?.request(idle)
  }

  async beforeJoin(): Promise<void> {
    const suspended = Promise.all([...this.#tasks.values()].map(task => task.suspend()))
    await Promise.race([suspended, sleep(this.#options.runtime, commitBeforeJoinMs)])
  }

  joined(): void {
    for (const task of this.#tasks.values()) task.resume()
  }

  async close(reason: BusbarError): Promise<void> {
    await Promise.all([...this.#tasks.values()].map(task => task.close(reason)))
    // Those that nothing was committed of.
    for (const held of this.#options.held.all) held.revoke(reason)
  }
}

function byNumber(partitions: readonly TopicPartition[]): Map<number, TopicPartition[]> {
  const numbers = new Map<number, TopicPartition[]>()
  for (const { topic, partition } of partitions) {
    const ofNumber = numbers.get(partition)
    if (ofNumber) ofNumber.push({ topic, partition })
    else numbers.set(partition, [{ topic, partition }])
  }
  return numbers
}

function keysOf(partitions: readonly TopicPartition[]): string {
  return partitions
    .map(({ topic, partition }) => partitionKey(topic, partition))
    .sort()
    .join(' ')
}
