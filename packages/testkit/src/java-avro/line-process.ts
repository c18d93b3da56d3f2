import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { DeadlineExceeded } from '../deadline.js'

/** Sockets that can be told whether they keep this process alive, though their types don't say so. */
interface Referable {
  ref(): void
  unref(): void
}

interface Waiting {
  readonly ms: number
  resolve(line: string): void
  reject(reason: Error): void
}

const ERRORS_KEPT = 4_000

/**
 * A program that answers each line of its standard input with one of its standard output, in order. It keeps this
 * process alive only while an answer is awaited, and sees its input end when this process does.
 */
export class LineProcess implements AsyncDisposable {
  readonly #name: string
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting: Waiting[] = []
  #errors = ''
  #timer: NodeJS.Timeout | undefined
  #ended: string | undefined

  constructor(name: string, command: string, args: readonly string[]) {
    this.#name = name
    // A group of its own: Ctrl-C reaches the owner only, whose end it follows.
    this.#child = spawn(command, args, { stdio: 'pipe', detached: true })
    this.#child.on('error', error => this.#end(error.message))
    this.#child.on('close', code => this.#end(`it ended with ${code}`))
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.on('data', chunk => {
      this.#errors = (this.#errors + String(chunk)).slice(-ERRORS_KEPT)
    })
    createInterface({ input: this.#child.stdout }).on('line', line => this.#answered(line))
    this.#keepAlive(false)
  }

  /** The process, for tests; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /**
   * The answer to a line. A program that takes longer than `ms` for it is ended: its later answers would be for nobody.
   * The time for what was asked before does not count.
   *
   * @throws DeadlineExceeded, or Error with what it wrote to standard error when it ended.
   */
  ask(line: string, ms: number): Promise<string> {
    if (this.#ended !== undefined) return Promise.reject(this.#gone())
    const answer = new Promise<string>((resolve, reject) => this.#waiting.push({ ms, resolve, reject }))
    if (this.#waiting.length === 1) this.#expectAnswer()
    this.#child.stdin.write(`${line}\n`)
    return answer
  }

  /** Ends it; answers that are still awaited come to nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended !== undefined) return
    this.#keepAlive(true)
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }

  #answered(line: string): void {
    this.#waiting.shift()?.resolve(line)
    this.#expectAnswer()
  }

  /** Gives the program the time for the question that is next. */
  #expectAnswer(): void {
    clearTimeout(this.#timer)
    const [next] = this.#waiting
    this.#keepAlive(next !== undefined)
    if (next === undefined) return
    this.#timer = setTimeout(() => {
      next.reject(new DeadlineExceeded(`an answer of ${this.#name}: not done after ${next.ms} ms`))
      this.#child.kill('SIGKILL')
    }, next.ms)
  }

  #end(why: string): void {
    this.#ended ??= why
    clearTimeout(this.#timer)
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#gone())
  }

  #gone(): Error {
    return new Error(`${this.#name} is gone: ${this.#ended}. ${this.#errors.trim()}`)
  }

  #keepAlive(isKept: boolean): void {
    const { stdin, stdout, stderr } = this.#child as unknown as Record<string, Referable>
    for (const each of [this.#child, stdin, stdout, stderr]) {
      if (isKept) each?.ref()
      else each?.unref()
    }
  }
}
