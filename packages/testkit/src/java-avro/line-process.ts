import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { deadline } from '../deadline.js'

/** Sockets that can be told whether they keep this process alive, though their types don't say so. */
interface Referable {
  ref(): void
  unref(): void
}

interface Waiting {
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
   * The answer to a line. A program that exceeds `ms` is ended, since its later answers belong to nobody.
   *
   * @throws DeadlineExceeded, or Error with what it wrote to standard error when it ended.
   */
  async ask(line: string, ms: number): Promise<string> {
    if (this.#ended !== undefined) throw this.#gone()
    const answer = new Promise<string>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    this.#keepAlive(true)
    this.#child.stdin.write(`${line}\n`)
    try {
      return await deadline(ms, `an answer of ${this.#name}`, answer)
    } catch (error) {
      this.#child.kill('SIGKILL')
      throw error
    }
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
    if (this.#waiting.length === 0) this.#keepAlive(false)
  }

  #end(why: string): void {
    this.#ended ??= why
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
