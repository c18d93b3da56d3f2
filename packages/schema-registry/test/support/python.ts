import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

// From dist-test/support.
const program = join(import.meta.dirname, '../../test/support/user_created.py')

/** Runs the program; what it prints. @throws Error with what it says when it fails. */
export async function runPython(python: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(python, [program, ...args], { stdio: 'pipe' })
  let output = ''
  let errors = ''
  child.stdout.on('data', chunk => (output += String(chunk)))
  child.stderr.on('data', chunk => (errors += String(chunk)))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`python ${args[0]} failed: ${errors}`)
  return output
}
