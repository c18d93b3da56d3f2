import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below the ephemeral range: a client that polls a closed port inside it can be given that very port as its own end
// and connect to itself, which looks like an open port.
const FIRST = 20_000
const LAST = 32_000

/** A TCP port of 127.0.0.1 that nobody listens on now, below the ephemeral range. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  if (port === undefined) throw new Error('no free port')
  return port
}

/**
 * `count` different free TCP ports. Nothing reserves them: bind soon, and try again with others if one was taken.
 *
 * @throws Error when a hundred random ports in a row are taken.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let tries = 0; ports.size < count; tries++) {
    if (tries > 100 + count) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST}`)
    const port = randomInt(FIRST, LAST)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
