import { main } from './command/main.js'

// Exit code 1 means that a contract is incompatible, and nothing else: what a loaded module does meanwhile is a 2.
process.on('uncaughtException', thrown => {
  process.stderr.write(`busbar: a loaded module failed: ${thrown.stack ?? String(thrown)}\n`)
  process.exit(2)
})

let isDone = false
process.on('exit', code => {
  // Node's own code here, 13, comes from a module that waits for something that never happens.
  if (isDone || code === 2) return
  process.stderr.write('busbar: a loaded module never finished loading\n')
  process.exitCode = 2
})

// Results alone go to standard output, so that they can be read by programs; what modules print goes beside it.
console.log = console.info = console.debug = console.error

const code = await main(process.argv.slice(2), {
  out: text => void process.stdout.write(text),
  err: text => void process.stderr.write(text),
  env: process.env,
  cwd: process.cwd(),
})
isDone = true
// A loaded module may have left something open. The empty writes are answered after those before them.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
