/** Starts the three services and tells a story over HTTP: five users, of whom one can't be reached by mail at first. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { environment, type ServiceName } from './environment.js'

const services: readonly ServiceName[] = ['accounts', 'mailer', 'stats']
const folder = await mkdtemp(join(tmpdir(), 'busbar-three-services-'))
console.error(`logs are in ${folder}`)
const running: ChildProcess[] = []
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

for (const service of services) running.push(await start(service))
for (const service of services) {
  await until(`${service} is ready`, async () => (await fetch(`${urlOf(service)}/health/ready`)).ok)
}
console.log('accounts, mailer and stats are ready')

const before = await stats()
for (const name of ['ada', 'bob', 'cy', 'dan']) await createUser(`${name}@example.com`)
await createUser('eve@unreachable.example')

const [letter] = await until('there is a dead letter', deadLetters)
console.log(`a dead letter: ${letter?.event} failed ${letter?.attempts} times: ${letter?.message}`)
await welcomed(4)
console.log(`GET /stats → ${JSON.stringify(await stats())}`)

await call('mailer', 'POST', '/mail-server/repair')
console.log('the mail server is repaired')
console.log(
  `POST /dead-letters/replay → ${JSON.stringify(await call('mailer', 'POST', '/dead-letters/replay'))}`,
)
await welcomed(5)
console.log(`GET /stats → ${JSON.stringify(await stats())}`)
console.log(`dead letters left: ${(await deadLetters())?.length ?? 0}`)
const [done, deadLettered] = [await deliveries('done'), await deliveries('dead-lettered')]
console.log(`GET /metrics of the mailer: ${done} deliveries done, ${deadLettered} dead-lettered`)

for (const child of running) child.kill('SIGTERM')
for (const [index, child] of running.entries()) {
  if (child.exitCode === null) await once(child, 'exit')
  console.log(`${services[index]} ended with ${child.exitCode}`)
}

async function start(service: ServiceName): Promise<ChildProcess> {
  const log = await open(join(folder, `${service}.log`), 'a')
  const program = join(import.meta.dirname, `${service}.js`)
  const child = spawn(process.execPath, [program], { stdio: ['ignore', log.fd, 'inherit'] })
  await once(child, 'spawn')
  await log.close()
  child.once('exit', code => {
    if (code === 0) return
    console.error(`${service} ended with ${code}: see ${join(folder, `${service}.log`)}`)
    process.exit(1)
  })
  return child
}

async function createUser(email: string): Promise<void> {
  await call('accounts', 'POST', '/users', { email })
  console.log(`POST /users ${email}`)
}

interface Stats {
  readonly users: number
  readonly welcomed: number
}

function stats(): Promise<Stats> {
  return call('accounts', 'GET', '/stats')
}

/** Waits until so many users of this run are counted as welcomed. */
function welcomed(count: number): Promise<unknown> {
  return until(`${count} users are welcomed`, async () => {
    const now = await stats()
    return now.users === before.users + 5 && now.welcomed === before.welcomed + count
  })
}

interface Letter {
  readonly event: string
  readonly attempts: number
  readonly message: string
}

/** The dead letters of the mailer; undefined while there are none. */
async function deadLetters(): Promise<readonly Letter[] | undefined> {
  const letters = await call<readonly Letter[]>('mailer', 'GET', '/dead-letters')
  return letters.length > 0 ? letters : undefined
}

/** How many deliveries ended like this since the mailer was started, as Prometheus sees it. */
async function deliveries(outcome: string): Promise<number> {
  const text = await (await fetch(`${urlOf('mailer')}/metrics`)).text()
  const found = text.split('\n').find(line => {
    return line.startsWith('busbar_deliveries_total{') && line.includes(`outcome="${outcome}"`)
  })
  return Number(found?.split(' ').at(-1))
}

async function call<T>(service: ServiceName, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${urlOf(service)}${path}`, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path} of ${service}: ${response.status} ${text}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

function urlOf(service: ServiceName): string {
  return `http://${environment.host}:${environment.ports[service]}`
}

/** Looks until it finds something, or for 30 seconds. */
async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + 30_000
  for (;;) {
    const found = await look().catch((error: unknown) => {
      if (Date.now() > end) throw error
      return undefined
    })
    if (found) return found
    if (Date.now() > end) throw new Error(`waited for 30 seconds, and not yet: ${what}`)
    await sleep(100)
  }
}
