import { type Bus, retry } from '@busbar/core'
import { type Service, Thing, until, type World } from './failure-world.js'

export const once = { use: [retry({ attempts: 1 })] }

/** Dead letters of the ids, in one partition; `fixed` decides whether a replay succeeds. */
export async function failing(
  w: World,
  ids: readonly string[],
  subscription = {},
): Promise<Service & { handled: string[]; fix: () => void }> {
  const service = w.service()
  const handled: string[] = []
  let isFixed = false
  service.bus.subscribe(Thing, { ...once, ...subscription }, ({ id }) => {
    if (!isFixed) throw new Error(id === 'odd' ? 'another reason' : 'no')
    handled.push(id)
  })
  await service.bus.start()
  for (const id of ids) await service.bus.publish(Thing, { id, key: 'k' })
  await until(() => service.reports.length === ids.length, 'the dead letters')
  return { ...service, handled, fix: () => (isFixed = true) }
}

export const listed = async (bus: Bus) =>
  (await bus.deadLetters().list()).map(
    letter => (JSON.parse(String(Buffer.from(letter.record.value ?? []))) as Thing).id,
  )

/** Lets the clock run while a redrive keeps to its rate. */
export async function run<T>(w: World, work: Promise<T>): Promise<T> {
  let isDone = false
  void work.then(
    () => (isDone = true),
    () => (isDone = true),
  )
  await w.advanceUntil(() => isDone, 'the redrive', 10)
  return work
}
