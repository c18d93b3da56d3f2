import { main } from './command/main.js'

const { stdout, stderr } = process
const writeResult = stdout.write.bind(stdout)
const complain = (text: string) => void stderr.write(`busbar: ${text}\n`)

// Exit code 1 means that a contract is incompatible, and nothing else: what a loaded module does meanwhile is a 2.
process.on('uncaughtException', thrown => {
  complain(`a loaded module failed: ${thrown.stack ?? String(thrown)}`)
  process.exit(2)
})

let isDone = false
process.on('exit', code => {
  // Node's own code here, 13, comes from a module that waits for something that never happens.
  if (isDone || code === 2) return
  complain('a loaded module never finished loading')
  process.exitCode = 2
})

// Results alone go to standard output, so that they can be read by programs; what modules print goes beside it.
stdout.write = stderr.write.bind(stderr)

let lost: Error | undefined
stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough, as head has, closes the pipe.
  if (error.code !== 'EPIPE') lost = error
})

const code = await main(process.argv.slice(2), {
  out: text => void writeResult(text),
  err: text => void stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
})
isDone = true
// A loaded module may have left something open. The empty writes are answered after those before them.
writeResult('', () => stderr.write('', () => setImmediate(exit)))

function exit(): void {
  if (lost === undefined) process.exit(code)
  complain(`standard output could not be written: ${lost.message}`)
  process.exit(2)
}
