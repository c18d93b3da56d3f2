import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deadline, eventually } from '@busbar/testkit'
import { startServer } from './server-program.js'

const folder = join(import.meta.dirname, '../..')
const usualUrl = 'http://127.0.0.1:3000'

/** The examples that are servers: those with requests. */
const servers = new Set(await readdir(join(folder, 'requests')))

/**
 * Runs a program of `examples/src`, named as its file in `examples/expected`, which holds what it should print. A server gets
 * the requests of `examples/requests`, and is told to end when it has printed everything.
 */
export async function runExample(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  const program = join(folder, 'dist', `${name.replaceAll('.', '/')}.js`)
  const expected = linesOf(await readFile(join(folder, 'expected', `${name}.txt`), 'utf8'))
  if (servers.has(`${name}.txt`)) return runServer(name, program, env, expected)
  const { stdout, stderr } = await deadline(
    30_000,
    name,
    promisify(execFile)(process.execPath, [program], { env }),
  )
  assert.equal(stderr, '')
  assert.deepEqual(linesOf(stdout), expected)
}

/** Handlers of several groups, or of several partitions, run side by side: which of them prints first is not promised. */
function linesOf(text: string): string[] {
  return text.trim().split('\n').sort()
}

async function runServer(
  name: string,
  program: string,
  env: NodeJS.ProcessEnv,
  expected: readonly string[],
): Promise<void> {
  const exchanges = exchangesIn(await readFile(join(folder, 'requests', `${name}.txt`), 'utf8'))
  await using server = await startServer(program, { env })
  const printed = () => linesOf(server.lines.join('\n').replaceAll(server.url, usualUrl))
  for (const { command, path, headers, body, answer } of exchanges) {
    const request = {
      headers,
      signal: AbortSignal.timeout(10_000),
      ...(body !== undefined && { method: 'POST', body }),
    }
    const exchange = async () => {
      const response = await fetch(server.url + path, request)
      const given = `${response.status} ${await response.text()}`
      if (answer.endsWith('…')) assert.ok(given.startsWith(answer.slice(0, -1)), `${command}\n${given}`)
      else assert.equal(given, answer, command)
    }
    // What is read may come a moment after what was written: events are handled on their own.
    await (body === undefined ? eventually(exchange, { timeoutMs: 10_000 }) : exchange())
  }
  await eventually(() => assert.deepEqual(printed(), expected), { timeoutMs: 10_000 })
  const { code } = await server.terminate()
  assert.equal(server.errors, '')
  assert.equal(code, 0)
  assert.deepEqual(printed(), expected)
}

interface Exchange {
  readonly command: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
  /** Status and body; what ends with … may go on. */
  readonly answer: string
}

/** `$ curl …` and the answer, by turns. Of curl's options it takes one `-H` and `--json`, in this order. */
function exchangesIn(text: string): Exchange[] {
  return text
    .trim()
    .split('\n$ ')
    .map(each => {
      const [command = '', answer = ''] = each.split('\n')
      const [, path, name, value, body] =
        /^(?:\$ )?curl http:\/\/127\.0\.0\.1:3000(\S+)(?: -H '(.+?): (.+?)')?(?: --json '(.+)')?$/.exec(
          command,
        ) ?? []
      assert.ok(path, `not understood: ${command}`)
      const headers = {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(name !== undefined && value !== undefined && { [name]: value }),
      }
      return { command, path, headers, body, answer }
    })
}
