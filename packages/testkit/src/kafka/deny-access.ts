import { setTimeout as sleep } from 'node:timers/promises'
import { kafkaRoundTrip, kafkaString } from './wire.js'

/** What one user may not touch; everything else is allowed. */
export interface DeniedResources {
  readonly topics?: readonly string[]
  readonly groups?: readonly string[]
  readonly transactionalIds?: readonly string[]
}

const CREATE_ACLS = { apiKey: 30, apiVersion: 1 }
const DESCRIBE_ACLS = { apiKey: 29, apiVersion: 1 }
const RESOURCE = { topics: 2, groups: 3, transactionalIds: 5 } as const
const ANY = 1
const PATTERN_LITERAL = 3
const OPERATION_ALL = 2
const PERMISSION = { deny: 2, allow: 3 }

/**
 * Denies all operations on the named resources, through a listener whose user is a super user. Resolves once the
 * broker goes by it.
 *
 * @throws Error with Kafka's error code when it refuses.
 */
export async function denyAccess(
  port: number,
  denied: Readonly<Record<string, DeniedResources>>,
): Promise<void> {
  const rules = new Map<string, Buffer>()
  const resources = new Set<string>()
  for (const [user, names] of Object.entries(denied)) {
    for (const kind of ['topics', 'groups', 'transactionalIds'] as const) {
      for (const name of names[kind] ?? []) {
        resources.add(`${kind} ${name}`)
        rules.set(`${kind} ${name} ${user}`, rule(RESOURCE[kind], name, user, PERMISSION.deny))
        // A resource with any rule is closed to everyone whom none allows.
        rules.set(`${kind} ${name} *`, rule(RESOURCE[kind], name, '*', PERMISSION.allow))
      }
    }
  }
  if (rules.size === 0) return
  await createRules(port, [...rules.values()])
  while ((await countResources(port)) < resources.size) await sleep(20)
}

async function createRules(port: number, rules: readonly Buffer[]): Promise<void> {
  const count = Buffer.alloc(4)
  count.writeInt32BE(rules.length)
  const response = await kafkaRoundTrip(port, { ...CREATE_ACLS, body: Buffer.concat([count, ...rules]) })
  // Throttle time, then an array of results: error code and nullable message.
  let at = 8
  for (let i = response.readInt32BE(4); i > 0; i--) {
    const code = response.readInt16BE(at)
    if (code !== 0) throw new Error(`Kafka refused an access rule with error code ${code}`)
    at += 4 + Math.max(0, response.readInt16BE(at + 2))
  }
}

/** How many resources have rules. The broker learns of new ones a moment after they were stored. */
async function countResources(port: number): Promise<number> {
  const none = kafkaString(null)
  const filter = [Buffer.from([ANY]), none, Buffer.from([ANY]), none, none, Buffer.from([ANY, ANY])]
  const response = await kafkaRoundTrip(port, { ...DESCRIBE_ACLS, body: Buffer.concat(filter) })
  const code = response.readInt16BE(4)
  if (code !== 0) throw new Error(`Kafka refused to list its access rules with error code ${code}`)
  return response.readInt32BE(8 + Math.max(0, response.readInt16BE(6)))
}

function rule(resource: number, name: string, user: string, permission: number): Buffer {
  return Buffer.concat([
    Buffer.from([resource]),
    kafkaString(name),
    Buffer.from([PATTERN_LITERAL]),
    kafkaString(`User:${user}`),
    kafkaString('*'),
    Buffer.from([OPERATION_ALL, permission]),
  ])
}
