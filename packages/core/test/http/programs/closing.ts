// A process that is told to end: closes what its arguments say, and prints what happened.
import { closeOnSignals } from '@busbar/core'

const [kind = 'quick'] = process.argv.slice(2)
const closes: Record<string, () => Promise<void>> = {
  twice: async () => {},
  quick: async () => console.log('closed'),
  failing: async () => {
    throw new Error('no')
  },
  hanging: () => new Promise(() => {}),
}
const print = (first: object | string, message?: string) =>
  console.log(typeof first === 'string' ? first : message)
const logger = { debug: print, info: print, warn: print, error: print, child: () => logger }
if (kind !== 'twice')
  closeOnSignals({ close: () => (closes[kind] ?? Promise.resolve)() }, { timeoutMs: 500, logger })
if (kind === 'quick') closeOnSignals({ close: async () => console.log('closed too') })
if (kind === 'twice') {
  const closable = { close: async () => console.log('closed') }
  const undo = closeOnSignals(closable)
  closeOnSignals(closable, { logger })
  undo()
  undo()
}
closeOnSignals({ close: async () => console.log('never') })()
// Something that would keep the process alive.
setInterval(() => {}, 1_000)
console.log('ready')
