import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deadline, uniqueName } from '@busbar/testkit'
import { connected } from '../support/test-transport.js'
import type { JournalLine } from './oracles.js'
import type { MatrixHost } from './run-matrix.js'

/** Processes are real ones, killed with SIGKILL; they write down what they do in a file. */
export async function kafkaHost(brokers: readonly string[]): Promise<MatrixHost & AsyncDisposable> {
  const { transport: beside } = await connected({ brokers })
  const path = join(tmpdir(), uniqueName('busbar-matrix'))
  closeSync(openSync(path, 'a'))
  const children: ChildProcess[] = []
  return {
    name: 'Kafka',
    beside,
    journal: () => readFileSync(path, 'utf8').split('\n').slice(0, -1).map(parseLine),
    start: async (cases, death) => {
      const options = JSON.stringify({ brokers, cases, death, path })
      const program = join(import.meta.dirname, '..', 'programs', 'matrix-service.js')
      const child = fork(program, [options], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] })
      children.push(child)
      const exited = once(child, 'exit')
      const ready = once(child, 'message')
      await deadline(90_000, 'the start of a process', Promise.race([ready, exited.then(failed)]))
      const gone = () => deadline(60_000, 'the end of a process', exited)
      return {
        kill: async () => {
          child.kill('SIGKILL')
          await gone()
        },
        close: async () => {
          child.send('close')
          await gone()
          if (child.exitCode !== 0)
            throw new Error(`a process ended with ${child.exitCode ?? child.signalCode}`)
        },
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children)
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await beside[Symbol.asyncDispose]()
      for (const each of [path, `${path}.store`]) rmSync(each, { force: true })
    },
  }
}

function failed(): never {
  throw new Error('the process ended before it was ready')
}

function parseLine(line: string): JournalLine {
  const [topic = '', what = '', id = '', more = ''] = line.split(' ')
  return { topic, what, id, more }
}
